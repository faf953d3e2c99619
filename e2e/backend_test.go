package e2e

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"gather/internal/redistest"
)

// backend is what kind of Redis the suite runs on: "" is one server, "sentinel" a master with
// replicas and Sentinels, "cluster" three masters with a replica each.
var backend = os.Getenv("GATHER_E2E_REDIS")

// steady is how long servers may be silent where nothing is to take over from them: longer
// than a busy machine, or a test, ever stops them.
const steady = time.Minute

// launchRedis starts a Redis of the kind that the suite runs on.
func launchRedis(tb testing.TB, config ...string) *redistest.Set {
	tb.Helper()
	switch backend {
	case "":
		return redistest.Alone(redistest.Launch(tb, config...))
	case "sentinel":
		return &redistest.LaunchSentinel(tb, steady, config...).Set
	case "cluster":
		return &redistest.LaunchCluster(tb, steady, config...).Set
	}
	tb.Fatalf("GATHER_E2E_REDIS is %q, and must be sentinel, cluster or nothing", backend)
	return nil
}

// launchDurable starts a Redis that keeps everything over a restart.
func launchDurable(tb testing.TB) *redistest.Set {
	tb.Helper()
	return launchRedis(tb, "appendonly yes", "appendfsync always")
}

// connect opens a connection to the system's Redis.
func (s *system) connect(tb testing.TB) redis.UniversalClient {
	tb.Helper()
	return s.redis.Connect(tb)
}

// onEachMaster does something on the one server, or on every master of a cluster, one after
// the other.
func onEachMaster(tb testing.TB, rdb redis.UniversalClient, do func(ctx context.Context, master *redis.Client) error) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var err error
	switch rdb := rdb.(type) {
	case *redis.Client:
		err = do(ctx, rdb)
	case *redis.ClusterClient:
		turn := make(chan struct{}, 1)
		err = rdb.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
			turn <- struct{}{}
			defer func() { <-turn }()
			return do(ctx, master)
		})
	}
	if err != nil {
		tb.Fatal(err)
	}
}
