package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// dialTimeout and commandTimeout keep an answer of 503 within two seconds.
	dialTimeout    = time.Second
	commandTimeout = 1500 * time.Millisecond
	// embeddedTimeout is for a Redis in this process, which is late only when all of it is.
	embeddedTimeout = 10 * time.Second
	// startTimeout is how long a process waits for Redis when it starts.
	startTimeout = 5 * time.Second
	startPause   = 200 * time.Millisecond
)

func validRedisURL(raw string) error {
	if raw == "" {
		return nil
	}
	_, err := redisOptions(raw)
	return err
}

// redisOptions reads a Redis URL. Errors don't repeat it: it may hold a password.
func redisOptions(raw string) (*redis.Options, error) {
	const want = "must be a URL such as redis://127.0.0.1:6379/0, rediss://redis.example:6380 or unix:///run/redis.sock"
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("--redis-url " + want)
	}
	if u.Scheme == "redis-socket" {
		raw = "unix" + strings.TrimPrefix(raw, "redis-socket")
	} else if u.Scheme != "redis" && u.Scheme != "rediss" && u.Scheme != "unix" {
		return nil, fmt.Errorf("--redis-url with scheme %q %s", u.Scheme, want)
	}
	o, err := redis.ParseURL(raw)
	if err != nil {
		return nil, fmt.Errorf("--redis-url %s: %s", want, strings.ReplaceAll(err.Error(), raw, "…"))
	}
	o.DialTimeout = dialTimeout
	o.ReadTimeout = cmp.Or(o.ReadTimeout, commandTimeout)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, commandTimeout)
	o.ContextTimeoutEnabled = true
	// A failed command is not sent again behind our back: most are scripts that change
	// something, and whoever called knows best what to do.
	o.MaxRetries = -1
	o.DialerRetries = 1
	// RESP3 would have each command look for push notifications first, which nothing here asks for.
	o.Protocol = cmp.Or(o.Protocol, 2)
	return o, nil
}

// ping tells whether Redis answers at all before anything else starts. It gives one
// that starts at the same time a few seconds.
func ping(ctx context.Context, rdb redis.UniversalClient, raw string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		err := rdb.Ping(ctx).Err()
		var refusal redis.Error
		switch {
		case err == nil:
			return nil
		case errors.As(err, &refusal) && !redis.IsLoadingError(err):
			return fmt.Errorf("redis at %s refuses: %w; check --redis-url", redacted(raw), err)
		}
		select {
		case <-time.After(startPause):
		case <-ctx.Done():
			return fmt.Errorf("redis at %s does not answer: %w; start it, or check --redis-url", redacted(raw), err)
		}
	}
}

func redacted(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "--redis-url"
	}
	u.RawQuery = ""
	return u.Redacted()
}
