package gather_test

import (
	"encoding/json"
	"reflect"
	"regexp"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gather"
)

func TestSpec_Items(t *testing.T) {
	cases := map[string]struct {
		spec gather.Spec
		want []gather.Request
	}{
		"urls are shorthand for one GET each, in their order": {
			spec: gather.Spec{URLs: []string{"http://b/", "http://a/", "http://b/"}},
			want: []gather.Request{{URL: "http://b/"}, {URL: "http://a/"}, {URL: "http://b/"}},
		},
		"requests are themselves": {
			spec: gather.Spec{Requests: []gather.Request{{URL: "http://a/", Method: "PUT"}}},
			want: []gather.Request{{URL: "http://a/", Method: "PUT"}},
		},
		"neither is none": {},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := c.spec.Items(); !reflect.DeepEqual(got, c.want) {
				t.Errorf("Items() = %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestSpec_defaults(t *testing.T) {
	var left gather.Spec
	if got, want := left.DeadlineOrDefault(), 5*time.Minute; got != want {
		t.Errorf("deadline left out = %v, want %v", got, want)
	}
	if got, want := left.RetentionOrDefault(), 24*time.Hour; got != want {
		t.Errorf("retention left out = %v, want %v", got, want)
	}
	if got, want := left.PriorityOrDefault(), gather.PriorityDefault; got != want {
		t.Errorf("priority left out = %v, want %v", got, want)
	}
	given := gather.Spec{Deadline: gather.After(time.Second), Retention: gather.After(time.Minute), Priority: gather.PriorityLow}
	if given.DeadlineOrDefault() != time.Second || given.RetentionOrDefault() != time.Minute || given.PriorityOrDefault() != gather.PriorityLow {
		t.Errorf("what was given is not kept: %v, %v, %v",
			given.DeadlineOrDefault(), given.RetentionOrDefault(), given.PriorityOrDefault())
	}
}

func TestStatus_Finished(t *testing.T) {
	unfinished := map[gather.Status]bool{gather.StatusQueued: true, gather.StatusRunning: true}
	for _, status := range gather.Statuses {
		if got, want := status.Finished(), !unfinished[status]; got != want {
			t.Errorf("%s is finished: %v, want %v", status, got, want)
		}
	}
}

func TestTime_JSON(t *testing.T) {
	cest := time.FixedZone("CEST", 2*60*60)
	cases := map[string]struct {
		time gather.Time
		want string
	}{
		"milliseconds stand even when they are zero": {gather.UnixMilli(0), `"1970-01-01T00:00:00.000Z"`},
		"a tenth of a second has three digits":       {gather.UnixMilli(1_700_000_000_100), `"2023-11-14T22:13:20.100Z"`},
		"before the epoch":                           {gather.UnixMilli(-1), `"1969-12-31T23:59:59.999Z"`},
		"another zone is written as UTC":             {gather.Time{Time: time.Date(2026, 5, 1, 1, 30, 0, 0, cest)}, `"2026-04-30T23:30:00.000Z"`},
		"what is finer than milliseconds is cut off": {gather.Time{Time: time.Date(2026, 5, 1, 0, 0, 0, 999_999_999, time.UTC)}, `"2026-05-01T00:00:00.999Z"`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := json.Marshal(c.time)
			if err != nil || string(got) != c.want {
				t.Errorf("Marshal = %s, %v, want %s", got, err, c.want)
			}
			if text, err := c.time.MarshalText(); err != nil || `"`+string(text)+`"` != c.want {
				t.Errorf("MarshalText = %s, %v, want it as in JSON: %s", text, err, c.want)
			}
		})
	}
}

func TestTime_roundTrip(t *testing.T) {
	written := regexp.MustCompile(`^"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z"$`)
	const year9999 = 253402300799999
	rapid.Check(t, func(t *rapid.T) {
		ms := rapid.Int64Range(0, year9999).Draw(t, "milliseconds since the epoch")
		text, err := json.Marshal(gather.UnixMilli(ms))
		if err != nil || !written.Match(text) {
			t.Fatalf("Marshal = %s, %v, want RFC 3339 with three digits and a Z", text, err)
		}
		var back gather.Time
		if err := json.Unmarshal(text, &back); err != nil || back.UnixMilli() != ms {
			t.Fatalf("%s reads as %v, %v, want %d ms", text, back, err, ms)
		}
	})
}

// TestAggregation_JSON holds the names and the order of the fields against the
// contract: clients rely on the former, people on the latter.
func TestAggregation_JSON(t *testing.T) {
	finished, expires := gather.UnixMilli(1_000), gather.UnixMilli(2_000)
	agg := gather.Aggregation{
		ID: "agg_1", Labels: map[string]string{}, Status: gather.StatusPartial, Reason: "deadline_exceeded",
		Counts:    gather.Counts{Total: 2, Succeeded: 1, Failed: 1},
		CreatedAt: gather.UnixMilli(0), StartedAt: &gather.Time{Time: time.UnixMilli(1)},
		FinishedAt: &finished, ExpiresAt: &expires, ElapsedMS: 1000.25,
		Priority: gather.PriorityLow, Retries: 3,
	}
	got, err := json.Marshal(agg)
	want := `{"id":"agg_1","name":"","labels":{},"status":"partial","reason":"deadline_exceeded",` +
		`"counts":{"total":2,"succeeded":1,"failed":1,"canceled":0,"pending":0},` +
		`"created_at":"1970-01-01T00:00:00.000Z","started_at":"1970-01-01T00:00:00.001Z",` +
		`"finished_at":"1970-01-01T00:00:01.000Z","expires_at":"1970-01-01T00:00:02.000Z","elapsed_ms":1000.25}`
	if err != nil || string(got) != want {
		t.Errorf("Marshal = %s, %v\nwant      %s", got, err, want)
	}
	waiting, err := json.Marshal(gather.Aggregation{ID: "agg_1", Labels: map[string]string{}, Status: gather.StatusQueued})
	want = `{"id":"agg_1","name":"","labels":{},"status":"queued",` +
		`"counts":{"total":0,"succeeded":0,"failed":0,"canceled":0,"pending":0},` +
		`"created_at":"0001-01-01T00:00:00.000Z","elapsed_ms":0}`
	if err != nil || string(waiting) != want {
		t.Errorf("one that waits: Marshal = %s, %v\nwant      %s", waiting, err, want)
	}
}

// TestAggregation_roundTrip holds that Go clients read what the API writes.
func TestAggregation_roundTrip(t *testing.T) {
	at := gather.UnixMilli(1_700_000_000_123)
	sent := gather.Aggregation{
		ID: "agg_1", Name: "n", Labels: map[string]string{"team": "search"}, Status: gather.StatusPartial, Reason: "deadline_exceeded",
		Counts:    gather.Counts{Total: 4, Succeeded: 2, Failed: 1, Canceled: 1},
		CreatedAt: at, StartedAt: &at, FinishedAt: &at, ExpiresAt: &at, ElapsedMS: 1000.25,
		Results: []gather.Result{
			{URL: "https://a/?b&c", Status: gather.ItemSucceeded, HTTPStatus: 200, ContentType: "application/json", Body: json.RawMessage(`null`), ElapsedMS: 0.5, Attempts: 1},
			{Index: 1, Key: "k", Status: gather.ItemSucceeded, Body: json.RawMessage(`{"a":"<☃>"}`), Truncated: true},
			{Index: 2, Status: gather.ItemFailed, BodyBase64: []byte{0, 255}, Error: &gather.ItemError{Code: gather.CodeDNSError, Message: "m"}},
		},
	}
	text, err := json.Marshal(sent)
	if err != nil {
		t.Fatal(err)
	}
	var received gather.Aggregation
	if err := json.Unmarshal(text, &received); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(received)
	if err != nil || string(again) != string(text) {
		t.Errorf("%s\nreads as %s, %v", text, again, err)
	}
}

func TestSpec_roundTrip(t *testing.T) {
	three := 3
	for _, sent := range []gather.Spec{
		{URLs: []string{"http://a/", "http://b/"}},
		{
			Concurrency: 2, Deadline: gather.After(90 * time.Second), Retention: gather.After(time.Hour), Priority: gather.PriorityLow,
			Name: "n", Labels: map[string]string{"a": "b"},
			Requests: []gather.Request{{
				URL: "http://a/", Method: "POST", Headers: map[string]string{"X": "<y>"}, Body: json.RawMessage(`null`), Key: "k", Timeout: gather.After(1500 * time.Millisecond),
				Retry: &gather.Retry{MaxAttempts: &three, MinBackoff: gather.After(0), MaxBackoff: gather.After(time.Second)}, ExpectStatus: []int{200, 404},
			}, {URL: "http://b/", BodyText: "text"}},
		},
	} {
		text, err := json.Marshal(sent)
		if err != nil {
			t.Fatal(err)
		}
		var received gather.Spec
		if err := json.Unmarshal(text, &received); err != nil || !reflect.DeepEqual(received, sent) {
			t.Errorf("%s reads as %+v, %v", text, received, err)
		}
	}
}
