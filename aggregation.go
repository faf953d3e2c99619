// Package gather holds the words of the business: what a client asks for
// ([Spec], a list of [Request]), what it is told while that runs and at the end
// ([Aggregation], one [Result] an item), and the rules that need nothing but
// these (what is valid, what is retried). It knows no Redis, no HTTP server, no
// queue, and imports the standard library only.
package gather

import (
	"time"
)

// Bounds and defaults of an aggregation's own fields.
const (
	DefaultDeadline    = 5 * time.Minute
	MaxDeadline        = 24 * time.Hour
	DefaultRetention   = 24 * time.Hour
	MaxRetention       = 365 * 24 * time.Hour
	DefaultMaxRequests = 10_000
)

// Priority is the queue that an aggregation's subtasks wait in.
type Priority string

// The priorities. Workers serve them by weight, so low is slow but never starved.
const (
	PriorityHigh    Priority = "high"
	PriorityDefault Priority = "default"
	PriorityLow     Priority = "low"
)

// Priorities lists them all, the most urgent first.
var Priorities = []Priority{PriorityHigh, PriorityDefault, PriorityLow}

// Spec is what a client asks for: the body of POST /v1/aggregations.
type Spec struct {
	// URLs is shorthand: GET each. Exactly one of URLs and Requests is given.
	URLs []string `json:"urls,omitempty" doc:"Shorthand: GET each. Exactly one of urls and requests is given."`
	// Requests are the items, 1 to the server's limit.
	Requests []Request `json:"requests,omitempty" doc:"The requests to send, 1 to 10,000 by default."`
	// Concurrency is how many items may be in flight at once, over all workers;
	// 0 means no cap of its own, 1 means one after another in input order.
	Concurrency int `json:"concurrency,omitempty" minimum:"0" doc:"Most items in flight at once, over all workers. 0: no cap; 1: one after another, in input order."`
	// Deadline counts from acceptance, at most 24 h; nil means 5 min. What is
	// unfinished then is closed as deadline_exceeded.
	Deadline *Duration `json:"deadline,omitempty" doc:"Counted from acceptance, at most 24h. Default 5m." example:"5m"`
	// Retention is how long the finished aggregation stays readable; nil means 24 h.
	Retention *Duration `json:"retention,omitempty" doc:"How long the finished aggregation stays readable, at most 8760h. Default 24h." example:"24h"`
	// Priority is the queue that the subtasks wait in; "" means default.
	Priority Priority `json:"priority,omitempty" enum:"high,default,low" default:"default" doc:"Which queue the items wait in."`
	// Name and Labels are the client's own, returned as sent; labels filter lists.
	Name   string            `json:"name,omitempty" maxLength:"256" doc:"Your own name for the aggregation."`
	Labels map[string]string `json:"labels,omitempty" doc:"Your own labels, up to 32 of up to 128 characters; lists filter by them."`
}

// Items are the requests to send: Requests, or a GET of each of URLs.
func (s *Spec) Items() []Request {
	if len(s.URLs) == 0 {
		return s.Requests
	}
	items := make([]Request, len(s.URLs))
	for i, u := range s.URLs {
		items[i].URL = u
	}
	return items
}

// DeadlineOrDefault is how long the aggregation may take, from acceptance.
func (s *Spec) DeadlineOrDefault() time.Duration { return durationOr(s.Deadline, DefaultDeadline) }

// RetentionOrDefault is how long the aggregation stays readable once finished.
func (s *Spec) RetentionOrDefault() time.Duration { return durationOr(s.Retention, DefaultRetention) }

// PriorityOrDefault is the queue that the subtasks wait in.
func (s *Spec) PriorityOrDefault() Priority {
	if s.Priority == "" {
		return PriorityDefault
	}
	return s.Priority
}

// Status is where an aggregation stands.
type Status string

// An aggregation moves from queued to running to one of the others, and back to
// running only when the client retries it.
const (
	StatusQueued    Status = "queued"
	StatusRunning   Status = "running"
	StatusSucceeded Status = "succeeded" // every item succeeded
	StatusPartial   Status = "partial"   // some did
	StatusFailed    Status = "failed"    // none did
	StatusCanceled  Status = "canceled"  // the client canceled it
)

// Statuses lists them all.
var Statuses = []Status{StatusQueued, StatusRunning, StatusSucceeded, StatusPartial, StatusFailed, StatusCanceled}

// Finished reports whether nothing more will happen by itself.
func (s Status) Finished() bool {
	return s != StatusQueued && s != StatusRunning
}

// Aggregation is where one aggregation stands: what GET answers.
type Aggregation struct {
	ID     string            `json:"id" doc:"The aggregation's id." example:"agg_01JDZ8F9W3K2M4N6P8R0T2V4X6"`
	Name   string            `json:"name" doc:"Your own name for it."`
	Labels map[string]string `json:"labels" doc:"Your own labels."`
	Status Status            `json:"status" enum:"queued,running,succeeded,partial,failed,canceled" doc:"Where it stands."`
	// Reason is deadline_exceeded where the deadline ended it.
	Reason     string `json:"reason,omitempty" doc:"deadline_exceeded where the deadline ended it."`
	Counts     Counts `json:"counts" doc:"How many items stand where."`
	CreatedAt  Time   `json:"created_at" doc:"When it was accepted."`
	StartedAt  *Time  `json:"started_at,omitempty" doc:"When a worker took it up."`
	FinishedAt *Time  `json:"finished_at,omitempty" doc:"When its last item ended."`
	ExpiresAt  *Time  `json:"expires_at,omitempty" doc:"Until when it stays readable, once finished."`
	// ElapsedMS is from acceptance, or from the client's last retry, to finish, or to now while it runs, in milliseconds.
	ElapsedMS float64 `json:"elapsed_ms" doc:"Milliseconds from acceptance, or from the last retry by the client, to finish, or to now."`
	// Results are in input order, always; while it runs, of the items finished so far.
	Results []Result `json:"results,omitempty" doc:"In input order; while it runs, the items finished so far."`

	// Owner is who made it, and who alone sees it; "" where there were no API keys.
	Owner string `json:"-"`
	// Priority is the queue of its subtasks.
	Priority Priority `json:"-"`
	// Deadline is how long it may take from its acceptance, or its last retry.
	Deadline time.Duration `json:"-"`
	// Trace is the traceparent of the trace that it is a part of; "" where there is none.
	Trace string `json:"-"`
	// Retries counts the times that the client has retried it.
	Retries int `json:"-"`
	// Fetches are what the first items of a small one fetch, for people, without secrets:
	// up to MostFetches, and none but from where it was created.
	Fetches []string `json:"-"`
}

// MostFetches bounds an aggregation's Fetches.
const MostFetches = 16

// Counts says how many items stand where; all but Total add up to it.
type Counts struct {
	Total     int `json:"total" doc:"Items in all."`
	Succeeded int `json:"succeeded" doc:"Items that succeeded."`
	Failed    int `json:"failed" doc:"Items that failed."`
	Canceled  int `json:"canceled" doc:"Items that were canceled."`
	Pending   int `json:"pending" doc:"Items that have not ended."`
}

// Time is an instant that writes as RFC 3339 in UTC with milliseconds.
type Time struct{ time.Time }

// UnixMilli is the instant ms milliseconds after the epoch.
func UnixMilli(ms int64) Time { return Time{time.UnixMilli(ms).UTC()} }

const timeLayout = "2006-01-02T15:04:05.000Z07:00"

// MarshalText writes RFC 3339 in UTC with milliseconds.
func (t Time) MarshalText() ([]byte, error) {
	return []byte(t.UTC().Format(timeLayout)), nil
}

// MarshalJSON writes RFC 3339 in UTC with milliseconds.
func (t Time) MarshalJSON() ([]byte, error) {
	return []byte(`"` + t.UTC().Format(timeLayout) + `"`), nil
}
