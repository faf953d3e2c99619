package storetest

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"testing"
	"time"

	"gather"
)

// fullSpec has a value in every field.
func fullSpec() *gather.Spec {
	attempts := 7
	return &gather.Spec{
		Name:        "weather of the week",
		Labels:      map[string]string{"team": "maps", "env": "test"},
		Priority:    gather.PriorityHigh,
		Concurrency: 2,
		Deadline:    gather.After(90 * time.Second),
		Retention:   gather.After(36 * time.Hour),
		Requests: []gather.Request{
			{
				URL: "https://example.com/a?b=c", Method: http.MethodPost, Key: "monday",
				Headers: map[string]string{"Authorization": "Bearer secret", "X-Empty": ""},
				Body:    json.RawMessage(`{"text":"<b>&amp;</b>","large":12345678901234567890,"null":null}`),
				Timeout: gather.After(1500 * time.Millisecond),
				Retry: &gather.Retry{
					MaxAttempts: &attempts, MinBackoff: gather.After(time.Second), MaxBackoff: gather.After(time.Minute),
				},
				ExpectStatus: []int{200, 404},
			},
			{URL: "http://example.org/", Method: http.MethodPut, BodyText: "line\nline\r\n\x00 <ü> 😀 \u2028"},
			{URL: "http://example.org/", Body: json.RawMessage(`null`)},
		},
	}
}

func (s suite) create(t *testing.T) {
	s.test(t, "reads back every field of the aggregation", func(f *fixture) {
		before, err := f.rdb.Time(f.ctx).Result()
		f.check("time", err)
		spec := fullSpec()
		created := f.create(spec)
		read := f.get(created.ID)
		for name, agg := range map[string]*gather.Aggregation{"created": created, "read": read} {
			want := &gather.Aggregation{
				ID: created.ID, Name: spec.Name, Labels: spec.Labels, Priority: spec.Priority, Deadline: spec.DeadlineOrDefault(),
				Status: gather.StatusQueued, Counts: gather.Counts{Total: 3, Pending: 3},
				CreatedAt: agg.CreatedAt, ElapsedMS: agg.ElapsedMS,
			}
			if name == "created" {
				want.Fetches = []string{"POST https://example.com/a?b=***", "PUT http://example.org/", "GET http://example.org/"}
			}
			if !reflect.DeepEqual(agg, want) {
				f.Errorf("%s: %+v, want %+v", name, agg, want)
			}
			if late := agg.CreatedAt.Sub(before.Truncate(time.Millisecond)); late < 0 || late > limit {
				f.Errorf("%s: created at %v, asked for at %v", name, agg.CreatedAt, before)
			}
			if agg.ElapsedMS < 0 || agg.ElapsedMS > float64(limit.Milliseconds()) {
				f.Errorf("%s: elapsed %v ms", name, agg.ElapsedMS)
			}
		}
	})
	s.test(t, "gives the workers every field of the requests", func(f *fixture) {
		spec := fullSpec()
		spec.Concurrency = 0
		id, handedOut := f.running(spec)
		for i, claim := range f.claim(id, handedOut...) {
			if !reflect.DeepEqual(claim.Request, spec.Requests[i]) {
				f.Errorf("item %d: %+v, want %+v", i, claim.Request, spec.Requests[i])
			}
		}
	})
	s.test(t, "gives urls as requests", func(f *fixture) {
		id, handedOut := f.running(specOf(3))
		claims := f.claim(id, handedOut...)
		if len(claims) != 3 {
			f.Fatalf("%d claims", len(claims))
		}
		for i, claim := range claims {
			if want := (gather.Request{URL: urlOf(i)}); !reflect.DeepEqual(claim.Request, want) {
				f.Errorf("item %d: %+v", i, claim.Request)
			}
		}
	})
	s.test(t, "reads no labels as an empty map", func(f *fixture) {
		if agg := f.create(specOf(1)); agg.Labels == nil || len(agg.Labels) != 0 {
			f.Errorf("labels %#v", agg.Labels)
		}
	})
	s.test(t, "keeps deadline and retention to the millisecond, rounded up", func(f *fixture) {
		spec := specOf(1)
		spec.Deadline, spec.Retention = gather.After(time.Hour), gather.After(time.Hour+time.Microsecond)
		id := f.create(spec).ID
		if in := f.begin(id).DeadlineIn; in > time.Hour || in < time.Hour-limit {
			f.Errorf("deadline in %v", in)
		}
		f.record(id, succeeded(0))
		agg := f.get(id)
		if kept := agg.ExpiresAt.Sub(agg.FinishedAt.Time); kept != time.Hour+time.Millisecond {
			f.Errorf("kept for %v", kept)
		}
	})
	s.test(t, "makes ids in order", func(f *fixture) {
		ids := make([]string, 50)
		for i := range ids {
			ids[i] = f.create(specOf(1)).ID
		}
		if !slices.IsSorted(ids) || len(slices.Compact(ids)) != 50 {
			f.Errorf("ids %v", ids)
		}
	})
	s.test(t, "has it listed and visited within the interval", func(f *fixture) {
		agg := f.create(specOf(1))
		at, planned := f.scheduled(agg.ID)
		if in := at.Sub(agg.CreatedAt.Time); !planned || in > time.Second {
			f.Errorf("visited in %v (planned: %t)", in, planned)
		}
		if !f.listed(agg.ID) {
			f.Errorf("not listed")
		}
	})
	s.test(t, "has it visited at a deadline before the interval", func(f *fixture) {
		spec := specOf(1)
		spec.Deadline = gather.After(20 * time.Millisecond)
		agg := f.create(spec)
		if at, _ := f.scheduled(agg.ID); at.Sub(agg.CreatedAt.Time) > 20*time.Millisecond {
			f.Errorf("visited in %v", at.Sub(agg.CreatedAt.Time))
		}
	})
}
