package store_test

import (
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"gather"
	"gather/internal/redistest"
	"gather/store"
	"gather/store/storetest"
)

func TestStore_cluster(t *testing.T) { storetest.Run(t, newClusters(t)) }

func TestStore_cluster_model(t *testing.T) {
	t.Parallel()
	storetest.Model(t, newClusters(t))
}

// newClusters returns what gives each test a cluster for itself. A cluster has one database,
// and takes seconds to start: so the tests have a few, one after the other.
func newClusters(tb testing.TB) func(testing.TB) redis.UniversalClient {
	tb.Helper()
	free := make(chan *redistest.Cluster, runtime.GOMAXPROCS(0))
	for range cap(free) {
		free <- nil // not started yet
	}
	return func(test testing.TB) redis.UniversalClient {
		test.Helper()
		c := <-free
		if c == nil {
			c = redistest.LaunchCluster(tb, time.Minute)
		}
		test.Cleanup(func() { free <- c })
		rdb := redis.NewClusterClient(&redis.ClusterOptions{
			Addrs: c.Addrs(), ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second, ContextTimeoutEnabled: true, DialerRetries: 1,
		})
		test.Cleanup(func() { _ = rdb.Close() })
		if err := errors.Join(storetest.Empty(test.Context(), rdb), rdb.ScriptFlush(test.Context()).Err()); err != nil {
			test.Fatal(err)
		}
		return rdb
	}
}

func TestStore_cluster_owner(t *testing.T) {
	t.Parallel()
	s := store.New(newClusters(t)(t))
	t.Cleanup(s.Close)
	s.LimitOpen(2)
	ctx := gather.WithOwner(t.Context(), "a")
	mustCreate(t, s, oneItem) // finds out that it is one, and is nobody's
	for range 3 {
		agg, _, err := s.Create(ctx, &gather.Creation{Spec: oneItem})
		if err != nil {
			t.Fatal(err)
		}
		if page, err := s.List(ctx, gather.Filter{}, "", 10); err != nil || len(page.Items) != 1 || page.Items[0].Owner != "a" {
			t.Errorf("%+v, %v", page, err)
		}
		if err := s.Delete(gather.WithOwner(ctx, "b"), agg.ID); !errors.Is(err, gather.ErrNotFound) {
			t.Errorf("deleted by another: %v", err)
		}
		if allowance, err := s.Take(ctx, gather.Rate{PerSecond: 1, Burst: 10}); err != nil || !allowance.Granted {
			t.Errorf("%+v, %v", allowance, err)
		}
		if err := s.Delete(ctx, agg.ID); err != nil {
			t.Error(err)
		}
	}
}
