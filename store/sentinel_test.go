package store_test

import (
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"gather/internal/redistest"
	"gather/store/storetest"
)

// TestStore_sentinel runs where the end-to-end tests run on Sentinels, too: what is behind
// them is one server, as in TestStore_redis.
func TestStore_sentinel(t *testing.T) {
	if os.Getenv("GATHER_E2E_REDIS") != "sentinel" {
		t.Skip("runs with GATHER_E2E_REDIS=sentinel")
	}
	s := redistest.LaunchSentinel(t, time.Minute, "databases 10000")
	var last atomic.Int32
	storetest.Run(t, func(tb testing.TB) redis.UniversalClient {
		rdb := redis.NewFailoverClient(&redis.FailoverOptions{
			MasterName: redistest.MasterName, SentinelAddrs: s.Sentinels(), DB: int(last.Add(1)),
			ReadTimeout: 30 * time.Second, ContextTimeoutEnabled: true, MaxRetries: -1, DialerRetries: 1,
		})
		tb.Cleanup(func() { _ = rdb.Close() })
		return rdb
	})
}
