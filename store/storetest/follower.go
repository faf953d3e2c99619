package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"gather"
	"gather/store"
)

// follow follows to the end, and checks what must hold for every follower: positions
// rise, and counts never lag behind what was delivered.
func (f *fixture) follow(id string, after int) []gather.Completion {
	f.Helper()
	var all []gather.Completion
	var last *gather.Aggregation
	for progress, err := range f.store.Follow(f.ctx, id, after) {
		f.check("follow", err)
		all = append(all, progress.Completions...)
		last = progress.Aggregation
	}
	f.check("follow", f.ctx.Err())
	if last == nil || !last.Status.Finished() {
		f.Fatalf("ended with %+v", last)
	}
	for i, c := range all {
		if c.Position <= after || i > 0 && c.Position <= all[i-1].Position {
			f.Fatalf("position %d after %d", c.Position, after)
		}
	}
	return all
}

// summary is the position and the item of each completion.
func (f *fixture) summary(list []gather.Completion) []string {
	f.Helper()
	var all []string
	for _, c := range list {
		r := f.decode(c.Line)
		all = append(all, fmt.Sprintf("%d: %d %s", c.Position, r.Index, r.Status))
	}
	return all
}

// deaf is a client whose subscriptions hear nothing.
type deaf struct{ redis.UniversalClient }

func (d deaf) Subscribe(ctx context.Context, _ ...string) *redis.PubSub {
	return d.UniversalClient.Subscribe(ctx, "nobody speaks here")
}

// deafStore is the fixture's store without hints, which polls instead.
func (f *fixture) deafStore(t testing.TB) *store.Store {
	deafStore := store.NewWith(deaf{f.rdb}, store.Timing{Poll: 2 * time.Millisecond, KeepAlive: time.Hour})
	t.Cleanup(deafStore.Close)
	return deafStore
}
