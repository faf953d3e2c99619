// Package store is where aggregations are kept: Redis keys, the scripts that
// change them, and the waiting for what changes. What it promises is written as
// tests, in storetest.
//
// Each aggregation has these keys, which share a hash tag and so a slot:
//
//	gather:{ID}            hash    status, counts, times in ms, owner, traceparent, the client's name and labels
//	gather:{ID}:requests   hash    index → stored request (encoding.go)
//	gather:{ID}:todo       list    indexes of the items not handed out yet
//	gather:{ID}:waiting    zset    items handed out that wait for a worker, by since when (ms)
//	gather:{ID}:claimed    zset    items that a worker is at, by when it must have ended (ms)
//	gather:{ID}:progress   hash    index → start number, requests sent, when the first was
//	gather:{ID}:results    hash    index → the Result as JSON, on one line
//	gather:{ID}:order      list    index and status letter, in order of completion
//	gather:{ID}:followed   string  there while someone reads results as they come
//	gather:{ID}:abandoned  string  there if it must not be created any more
//	gather:{ID}:replicated string  there for a second, if replicas are waited for
//
// Beside them there are, for all aggregations together:
//
//	gather:{all}:index     zset    ids, in the order of their names, which is that of creation
//	gather:{all}:schedule  zset    ids by when the watchdog has to look at them next (ms)
//	gather:{all}:workers   zset    workers, with their concurrency, by their last heartbeat (ms)
//	gather:{all}:finished  string  how many items the workers have finished; gone a minute after the last
//	gather:{all}:sealed-with
//	                       string  id of the key that requests are sealed with (keyring.go)
//	gather:key:{HASH}      string  an idempotency key: the aggregation made with it
//
// Where API keys are in use, there are for owners and their limits:
//
//	gather:{all}:index:{OWNER}  zset    as the index, those of one owner
//	gather:{all}:owners         hash    id → the owner, for when the aggregation is gone
//	gather:{all}:open:{OWNER}   zset    ids that may be unfinished, by when that was allowed (ms)
//	gather:rate:{OWNER}         string  when the owner's burst is whole again (us)
//
// The indexes and the schedule are written with the aggregation, or before it, so that
// there is none which the watchdog can't find. Two channels carry ids as hints:
// gather:changed (read again; with the outcome of a small one, for its creator) and gather:closed
// (abort what is in flight).
package store

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/singleflight"

	"gather"
)

// Store keeps aggregations in Redis. It is safe for use by several goroutines,
// and any number of processes share one Redis.
type Store struct {
	rdb redis.UniversalClient
	hub *hub
	ids *idSource

	waits waits
	// apart is set if the keys of one aggregation and those of all may live on several
	// servers, so that no script can touch both: on a cluster, and once Redis has refused one.
	apart    atomic.Bool
	confirms confirms
	// replicas is how many must have an aggregation before it is accepted.
	replicas int

	timing   Timing
	observer Observer
	// outage is what readers have seen of the last one.
	outage outage
	// heard is when Redis last told its time, and asked the question for it that is under way.
	heard atomic.Pointer[clockReading]
	asked singleflight.Group
	// mostOpen is how many unfinished aggregations an owner may have; 0 means no bound.
	mostOpen int
	// keyring is nil where requests are stored as they are.
	keyring *Keyring
	// workforce is what the last tick has seen of the workers; never nil.
	workforce atomic.Pointer[workforce]
}

// New returns a store on rdb, which the caller closes after Close.
func New(rdb redis.UniversalClient) *Store { return NewWith(rdb, Timing{}) }

// NewWith is New with other times than the usual ones, for tests.
func NewWith(rdb redis.UniversalClient, t Timing) *Store {
	t.fill()
	s := &Store{rdb: rdb, hub: newHub(rdb), ids: newIDSource(), waits: waits{of: make(map[string]*vigil)}, timing: t, observer: unobserved{}}
	_, cluster := rdb.(*redis.ClusterClient)
	s.apart.Store(cluster)
	s.workforce.Store(&workforce{})
	s.confirms.run = s.confirmDue
	return s
}

// Close ends the subscription; waiting calls return with what they have.
func (s *Store) Close() {
	s.hub.close()
	s.endReadings()
	s.confirms.close()
}

// unavailable says in which operation Redis failed. A caller that gave up is
// told so; everything else means that the store is out of reach.
func unavailable(ctx context.Context, op, id string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return fmt.Errorf("%s %s: %w", op, id, ctx.Err())
	}
	if id == "" {
		return fmt.Errorf("%s: %w: %w", op, gather.ErrUnavailable, withoutReply(err))
	}
	return fmt.Errorf("%s %s: %w: %w", op, id, gather.ErrUnavailable, withoutReply(err))
}
