package storetest

import (
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"gather"
)

// tick is one worker's tick.
func (f *fixture) tick() *gather.Round {
	f.Helper()
	round, err := f.store.Tick(f.ctx, gather.Worker{Name: "worker"})
	f.check("tick", err)
	return round
}

// look visits the aggregation once, whether it is due or not.
func (f *fixture) look(id string) *gather.Visit {
	f.Helper()
	visit, err := f.store.Visit(f.ctx, f.tick(), id)
	f.check("visit", err)
	return visit
}

// due returns a round that holds the aggregation, whose time it brings on.
func (f *fixture) due(id string) *gather.Round {
	f.Helper()
	f.check("bring on", f.rdb.ZAddXX(f.ctx, scheduleKey, redis.Z{Score: 1, Member: id}).Err())
	round := f.tick()
	if !slices.Contains(round.IDs, id) {
		f.Fatalf("%s is not in the round %+v", id, round)
	}
	return round
}

// visitDue visits the aggregation in a round that holds it, as a watchdog does.
func (f *fixture) visitDue(id string) *gather.Visit {
	f.Helper()
	visit, err := f.store.Visit(f.ctx, f.due(id), id)
	f.check("visit", err)
	return visit
}

// age makes the aggregation as old as if so much more time had passed.
func (f *fixture) age(id string, d time.Duration) {
	f.Helper()
	meta, ms := "gather:{"+id+"}", d.Milliseconds()
	pipe := f.rdb.Pipeline()
	pipe.HIncrBy(f.ctx, meta, "accepted", -ms)
	for _, set := range []string{meta + ":waiting", meta + ":claimed"} {
		items, err := f.rdb.ZRange(f.ctx, set, 0, -1).Result()
		f.check("age", err)
		for _, item := range items {
			pipe.ZIncrBy(f.ctx, set, float64(-ms), item)
		}
	}
	_, err := pipe.Exec(f.ctx)
	f.check("age", err)
}

// ageForReaders is age, and has the aggregation's elapsed time tell of it, too.
func (f *fixture) ageForReaders(id string, d time.Duration) {
	f.Helper()
	f.age(id, d)
	f.check("age", f.rdb.HIncrBy(f.ctx, "gather:{"+id+"}", "accepted_us", -d.Microseconds()).Err())
}

// watchdog does what a watchdog does, for all that is due. It returns what it
// found, by id.
func (f *fixture) watchdog() map[string]*gather.Visit {
	f.Helper()
	round := f.tick()
	visits := make(map[string]*gather.Visit)
	for _, id := range round.IDs {
		visit, err := f.store.Visit(f.ctx, round, id)
		f.check("visit", err)
		visits[id] = visit
	}
	return visits
}
