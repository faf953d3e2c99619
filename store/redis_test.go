package store_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"gather/internal/redistest"
	"gather/store/storetest"
)

func TestStore_redis(t *testing.T) { storetest.Run(t, newDatabases(t)) }

// newDatabases starts one Redis and returns what gives each test a database of its own.
func newDatabases(tb testing.TB) func(testing.TB) redis.UniversalClient {
	tb.Helper()
	url := redistest.Start(tb, "databases 10000")
	var last atomic.Int32
	return func(tb testing.TB) redis.UniversalClient {
		tb.Helper()
		opts, err := redis.ParseURL(fmt.Sprintf("%s?db=%d", url, last.Add(1)))
		if err != nil {
			tb.Fatal(err)
		}
		return newClient(tb, opts)
	}
}

// newClient makes a client as the processes do, but for its patience on a busy machine.
func newClient(tb testing.TB, opts *redis.Options) redis.UniversalClient {
	tb.Helper()
	if opts.ReadTimeout == 0 {
		opts.ReadTimeout, opts.WriteTimeout = 30*time.Second, 30*time.Second
	}
	opts.ContextTimeoutEnabled = true
	opts.MaxRetries = -1
	opts.DialerRetries = 1 // tests that break Redis need not wait for four more
	rdb := redis.NewClient(opts)
	tb.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

func TestStore_redis_model(t *testing.T) {
	t.Parallel()
	storetest.Model(t, newDatabases(t))
}
