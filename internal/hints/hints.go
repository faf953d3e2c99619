// Package hints listens to channels of Redis. What comes there is a hint that something has
// changed, and lost with its connection: who is told looks for himself, and now and then without
// being told.
package hints

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// silence is how long nothing may come before Redis is asked whether it is there. After
	// twice that it is taken for gone.
	silence = 3 * time.Second
	// pause keeps a listener from trying without one while Redis is away.
	pause = 100 * time.Millisecond
)

// Listen passes the channel's messages on until ctx ends. It calls subscribed after every
// new subscription: what was sent before is lost. A subscription follows the master: it is
// made again when its connection breaks, and when the server at its other end falls silent,
// as with a machine that fails.
func Listen(ctx context.Context, rdb redis.UniversalClient, channel string, subscribed func(), message func(payload string)) {
	for ctx.Err() == nil {
		listen(ctx, rdb, channel, subscribed, message)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// listen passes on what comes over one subscription, until it is over.
func listen(ctx context.Context, rdb redis.UniversalClient, channel string, subscribed func(), message func(payload string)) {
	pubsub := rdb.Subscribe(ctx, channel)
	stop := context.AfterFunc(ctx, func() { _ = pubsub.Close() })
	defer func() {
		if stop() {
			_ = pubsub.Close()
		}
	}()
	for asked := false; ; {
		received, err := pubsub.ReceiveTimeout(ctx, silence)
		if err != nil {
			if asked || !isTimeout(err) || pubsub.Ping(ctx) != nil {
				return
			}
			asked = true
			continue
		}
		asked = false
		switch m := received.(type) {
		case *redis.Subscription:
			subscribed()
		case *redis.Message:
			message(m.Payload)
		}
	}
}

func isTimeout(err error) bool {
	var netErr net.Error
	return errors.As(err, &netErr) && netErr.Timeout()
}
