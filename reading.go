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
	// Lines yields the [Result] of each item that had finished, as JSON on a line without
	// its end, in input order. What did not fit into the first reading is read as it is
	// asked for.
	Lines func(ctx context.Context) iter.Seq2[string, error]
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
	// Line is the [Result] as JSON, without a line end.
	Line []byte
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
	// Warnings name settings of Redis that can lose data, and what to set instead.
	Warnings []string
}
