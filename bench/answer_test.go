package main

import (
	"encoding/json"
	"testing"
)

func TestAggregation_Check(t *testing.T) {
	const good = `{"id": "agg_1", "status": "succeeded", "counts": {"total": 2, "succeeded": 2}, "results": [
		{"index": 0, "status": "succeeded", "http_status": 200, "body": {"message": "Hello World", "task_id": "0"}},
		{"index": 1, "status": "succeeded", "http_status": 200, "body": {"message": "Hello World", "task_id": "1"}}]}`
	cases := map[string]func(a *aggregation){
		"a result too few":       func(a *aggregation) { a.Results = a.Results[:1] },
		"results out of order":   func(a *aggregation) { a.Results[0], a.Results[1] = a.Results[1], a.Results[0] },
		"another item's body":    func(a *aggregation) { a.Results[1].Body.TaskID = "0" },
		"no body":                func(a *aggregation) { a.Results[0].Body = reply{} },
		"a failed item":          func(a *aggregation) { a.Results[1].Status = "failed" },
		"an unwanted code":       func(a *aggregation) { a.Results[1].HTTPStatus = 500 },
		"an unfinished one":      func(a *aggregation) { a.Status = "running" },
		"counts that don't fit ": func(a *aggregation) { a.Counts.Succeeded = 1 },
	}
	decode := func(t *testing.T) *aggregation {
		t.Helper()
		var a aggregation
		if err := json.Unmarshal([]byte(good), &a); err != nil {
			t.Fatal(err)
		}
		return &a
	}
	if err := decode(t).check(2); err != nil {
		t.Errorf("a good answer is refused: %v", err)
	}
	for name, spoil := range cases {
		t.Run("finds "+name, func(t *testing.T) {
			a := decode(t)
			spoil(a)
			if a.check(2) == nil {
				t.Error("it passes")
			}
		})
	}
}

func TestBusiest(t *testing.T) {
	before := map[string]string{"cmdstat_evalsha": "calls=10,usec=1", "cmdstat_info": "calls=1,usec=1"}
	after := map[string]string{"cmdstat_evalsha": "calls=20,usec=1", "cmdstat_info": "calls=2,usec=1", "cmdstat_time": "calls=40,usec=9", "redis_version": "7"}
	if got := busiest(before, after, 10); got != "time 4.0, evalsha 1.0" {
		t.Errorf("busiest = %q", got)
	}
}

func TestAllRows(t *testing.T) {
	names := make(map[string]bool)
	for _, r := range allRows() {
		if names[r.name] || r.about == "" || len(r.modes) == 0 {
			t.Errorf("row %q is there twice, or says nothing, or is never measured", r.name)
		}
		names[r.name] = true
	}
}
