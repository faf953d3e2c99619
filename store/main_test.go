package store

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	redis.SetLogger(quiet{})
	goleak.VerifyTestMain(m)
}

// quiet keeps the client from telling of every connection that a test breaks.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}
