package store_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"gather/internal/redistest"
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
		if err := storetest.Empty(context.Background(), rdb); err != nil {
			test.Fatal(err)
		}
		return rdb
	}
}
