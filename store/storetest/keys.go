package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Keys that are not of one aggregation, as the store's package comment names them.
const (
	indexKey    = "gather:{all}:index"
	scheduleKey = "gather:{all}:schedule"
	workersKey  = "gather:{all}:workers"
	finishedKey = "gather:{all}:finished"
	ownersKey   = "gather:{all}:owners"
)

// unknownID is the id of an aggregation that was never made.
const unknownID = "agg_01ARZ3NDEKTSV4RRFFQ69G5FAV"

// keys are the names of all keys that hold the text.
func (f *fixture) keys(text string) []string {
	f.Helper()
	var mu sync.Mutex
	var keys []string
	f.check("scan", onEachMaster(f.ctx, f.rdb, func(ctx context.Context, master *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		found := master.Scan(ctx, 0, "*"+text+"*", 1000).Iterator()
		for found.Next(ctx) {
			keys = append(keys, found.Val())
		}
		return found.Err()
	}))
	slices.Sort(keys)
	return slices.Compact(keys)
}

// Empty removes all that there is.
func Empty(ctx context.Context, rdb redis.UniversalClient) error {
	return onEachMaster(ctx, rdb, func(ctx context.Context, master *redis.Client) error { return master.FlushDB(ctx).Err() })
}

// onEachMaster does what a client of a cluster does on one server alone.
func onEachMaster(ctx context.Context, rdb redis.UniversalClient, do func(context.Context, *redis.Client) error) error {
	switch rdb := rdb.(type) {
	case *redis.ClusterClient:
		return rdb.ForEachMaster(ctx, do)
	case *redis.Client:
		return do(ctx, rdb)
	}
	return fmt.Errorf("no servers behind %T", rdb)
}

// scheduled reports when the aggregation is visited next, and whether it is at all.
func (f *fixture) scheduled(id string) (time.Time, bool) {
	f.Helper()
	ms, err := f.rdb.ZScore(f.ctx, scheduleKey, id).Result()
	if err == redis.Nil { //nolint:errorlint // go-redis returns it as it is
		return time.Time{}, false
	}
	f.check("read the schedule", err)
	return time.UnixMilli(int64(ms)), true
}

// listed reports whether the index holds the aggregation.
func (f *fixture) listed(id string) bool {
	f.Helper()
	_, err := f.rdb.ZScore(f.ctx, indexKey, id).Result()
	if err == redis.Nil { //nolint:errorlint // go-redis returns it as it is
		return false
	}
	f.check("read the index", err)
	return true
}

// inFlight counts the items that are handed out and have no result.
func (f *fixture) inFlight(id string) int {
	f.Helper()
	waiting, err := f.rdb.ZCard(f.ctx, "gather:{"+id+"}:waiting").Result()
	f.check("count waiting", err)
	claimed, err := f.rdb.ZCard(f.ctx, "gather:{"+id+"}:claimed").Result()
	f.check("count claimed", err)
	return int(waiting + claimed)
}

// expires checks that all keys of the aggregation expire, or that none does.
func (f *fixture) expires(id string, want bool) {
	f.Helper()
	for _, key := range f.keys(id) {
		ttl, err := f.rdb.PTTL(f.ctx, key).Result()
		f.check("ttl", err)
		if (ttl > 0) != want {
			f.Errorf("%s expires in %v", key, ttl)
		}
	}
}
