package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// contents are all keys that match the pattern, and what they hold, as text.
func contents(tb testing.TB, rdb redis.UniversalClient, pattern string) map[string]string {
	tb.Helper()
	found := make(map[string]string)
	onEachMaster(tb, rdb, func(ctx context.Context, master *redis.Client) error {
		keys := master.Scan(ctx, 0, pattern, 1000).Iterator()
		for keys.Next(ctx) {
			found[keys.Val()] = fmt.Sprint(value(ctx, master, keys.Val()))
		}
		return keys.Err()
	})
	return found
}

func value(ctx context.Context, rdb *redis.Client, key string) any {
	switch rdb.Type(ctx, key).Val() {
	case "string":
		return rdb.Get(ctx, key).Val()
	case "list":
		return rdb.LRange(ctx, key, 0, -1).Val()
	case "set":
		return rdb.SMembers(ctx, key).Val()
	case "zset":
		return rdb.ZRangeWithScores(ctx, key, 0, -1).Val()
	case "hash":
		return rdb.HGetAll(ctx, key).Val()
	}
	return nil
}

// shared are the keys of all aggregations together. The watchdog sweeps an expired
// aggregation from them, though not at once.
const shared = "gather:{all}:"

// wantNoTrace waits until nothing in Redis names the aggregation any more, neither
// a key nor what one holds, but for those with the prefix ("" for none). An
// embedded Redis can't be looked into.
func (s *system) wantNoTrace(tb testing.TB, id, except string) {
	tb.Helper()
	if s.redis == nil {
		return
	}
	rdb := s.connect(tb)
	eventually(tb, "nothing of "+id+" is left in Redis", func() bool {
		for key, held := range contents(tb, rdb, "*") {
			swept := except != "" && strings.HasPrefix(key, except)
			if !swept && (strings.Contains(key, id) || strings.Contains(held, id)) {
				return false
			}
		}
		return true
	})
}
