package store

import "time"

// Timing says how soon the store acts by itself. A zero field means its default.
type Timing struct {
	// Poll is how soon a lost hint is made up for; default 1 s.
	Poll time.Duration
	// KeepAlive is how often a follower hears something although nothing comes; default 15 s.
	KeepAlive time.Duration
	// ClaimSlack is what a worker may take beyond an attempt's timeout, for the way to
	// Redis and a short wait before the next attempt; default 2.5 s. A claim that is
	// older is lost.
	ClaimSlack time.Duration
	// VisitInterval is how often the watchdogs look at an aggregation that runs; default 1 s.
	VisitInterval time.Duration
	// SuspectAfter is how long an item may wait for a worker before the watchdog asks
	// the queue whether it still has it; default 2 s.
	SuspectAfter time.Duration
	// ForgetAfter is how old the id of an aggregation must be that the schedule holds
	// but the store does not; default 1 min. A younger one may be about to be created.
	ForgetAfter time.Duration
	// ConfirmAfter is how long after its creation the places of an aggregation are written
	// once more, where they live on another server; longer than a replica lags behind; default 5 s.
	ConfirmAfter time.Duration
	// Patience is how long those who wait or follow put up with a Redis out of reach, before
	// they are told so: another server may be about to take over; default 30 s.
	Patience time.Duration
}

func (t *Timing) fill() {
	for _, field := range []struct {
		value    *time.Duration
		fallback time.Duration
	}{
		{&t.Poll, time.Second},
		{&t.KeepAlive, 15 * time.Second},
		{&t.ClaimSlack, 2500 * time.Millisecond},
		{&t.VisitInterval, time.Second},
		{&t.SuspectAfter, 2 * time.Second},
		{&t.ForgetAfter, time.Minute},
		{&t.ConfirmAfter, 5 * time.Second},
		{&t.Patience, 30 * time.Second},
	} {
		if *field.value == 0 {
			*field.value = field.fallback
		}
	}
}
