package store_test

import (
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"gather/store/storetest"
)

func TestStore_embedded(t *testing.T) { storetest.Run(t, newEmbedded) }

func newEmbedded(tb testing.TB) redis.UniversalClient {
	tb.Helper()
	server := miniredis.RunT(tb)
	server.ClockTTL(true)
	return newClient(tb, &redis.Options{Addr: server.Addr()})
}

func TestStore_embedded_model(t *testing.T) {
	t.Parallel()
	storetest.Model(t, newEmbedded)
}
