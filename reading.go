package gather

import (
	"context"
	"iter"
)

// Page is one page of a list of aggregations, the newest first.
type Page struct {
	Items []Aggregation
	// Next is the cursor of the next page; "" means that this is the last.
	Next string
}

// Reading is an aggregation as it stood at one moment, with its results.
type Reading struct {
	// Aggregation is without results. It may be shared, and must not be changed.
	*Aggregation
	// Lines yields the [Result] of each item that had finished, without a line end, in
	// input order. What did not fit into the first reading is read as it is asked for.
	Lines func(ctx context.Context) iter.Seq2[StoredLine, error]
}

// Filter says which aggregations a list holds; zero fields let all pass.
type Filter struct {
	Status Status
	// Labels must all be there, with these values.
	Labels map[string]string
}

// Completion is one result in order of completion.
type Completion struct {
	// Position counts results in order of completion, from 1. It never changes,
	// and is never used again for another result.
	Position int
	// Line is the [Result], without a line end.
	Line StoredLine
}

// Progress is what a follower is told: the results that came since the last
// time, and where the aggregation stands with them.
type Progress struct {
	// Completions are new results in order of completion; empty where nothing came for a while.
	Completions []Completion
	// Aggregation is the state that belongs to them, without results.
	Aggregation *Aggregation
}

// Creation is a validated [Spec] on its way into the store.
type Creation struct {
	Spec *Spec
	// IdempotencyKey is the client's; "" means none.
	IdempotencyKey string
	// Fingerprint tells bodies apart that come with the same idempotency key.
	Fingerprint string
	// Waits tells that the client is going to wait for the end.
	Waits bool
}

// Readiness is what a load balancer or a person wants to know before work is sent here.
type Readiness struct {
	// Workers counts the workers seen in the last seconds.
	Workers int
	// Finished counts the items that all workers together have finished so far, and begins
	// anew after a minute without any. It lags behind by up to some seconds.
	Finished int64
	// Warnings name settings of Redis that can lose data, and what to set instead.
	Warnings []string
}

// Pending is what workers have begun of an aggregation and not finished.
type Pending struct {
	// AtMS is when this was so, in milliseconds from the aggregation's creation.
	AtMS int64 `json:"at_ms" doc:"When this was so, in milliseconds from the aggregation's created_at."`
	// Items are in input order. An item without a result that is not among them waits for its first attempt.
	Items []PendingItem `json:"items" doc:"In input order. An item without a result that is not among them waits for its first attempt."`
}

// PendingItem is an item that a worker has begun and not finished.
type PendingItem struct {
	Index int `json:"index" doc:"Position in the input, from 0."`
	// Status is ItemFetching or ItemRetrying.
	Status ItemStatus `json:"status" enum:"fetching,retrying" doc:"fetching: at its first attempt, or within a second after it; retrying: at a further one, or waits for it."`
	// Attempts counts the requests sent, the one in flight included.
	Attempts int `json:"attempts" doc:"Requests sent, the one in flight included."`
	// StartedMS is when the first of them was sent, in milliseconds from the aggregation's creation.
	StartedMS int64 `json:"started_ms" doc:"Milliseconds from the aggregation's created_at to the first attempt."`
}
