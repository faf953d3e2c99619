package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// startTimeout is how long a process waits for Redis when it starts.
	startTimeout = 5 * time.Second
	startPause   = 200 * time.Millisecond
)

// ping tells whether Redis answers at all before anything else starts. It gives one
// that starts at the same time a few seconds.
func ping(ctx context.Context, rdb redis.UniversalClient, raw string, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for last := error(nil); ; {
		err := rdb.Ping(ctx).Err()
		switch {
		case err == nil:
			return rightMode(ctx, rdb, raw)
		case errors.Is(err, redis.Nil):
			return fmt.Errorf("the Sentinels at %s know no master of that name; check master= in --redis-url", redacted(raw))
		case isRefusal(err):
			return fmt.Errorf("redis at %s refuses: %w; check --redis-url", redacted(raw), err)
		case last == nil:
			log.InfoContext(ctx, "Redis does not answer yet, tries again", "redis", redacted(raw), "for", startTimeout)
			last = err
		case ctx.Err() == nil: // what the end of the time says is no news
			last = err
		}
		select {
		case <-time.After(startPause):
		case <-ctx.Done():
			return fmt.Errorf("redis at %s does not answer: %w; start it, or check --redis-url", redacted(raw), last)
		}
	}
}

// isRefusal tells what another try does not change.
func isRefusal(err error) bool {
	var answer redis.Error
	var untrusted *tls.CertificateVerificationError
	return errors.As(err, &answer) && !turnedAway(err) || errors.As(err, &untrusted)
}

// rightMode tells who names a Sentinel, or one server of a cluster, as if it were all of Redis:
// those answer, and then do nothing of what they are told.
func rightMode(ctx context.Context, rdb redis.UniversalClient, raw string) error {
	if _, cluster := rdb.(*redis.ClusterClient); cluster {
		return nil
	}
	info, _ := rdb.Info(ctx, "server").Result() // who must not ask is not told
	switch {
	case strings.Contains(info, "redis_mode:sentinel"):
		return fmt.Errorf("redis at %s is a Sentinel: --redis-url must be redis-sentinel://host:port,…?master=NAME", redacted(raw))
	case strings.Contains(info, "redis_mode:cluster"):
		return fmt.Errorf("redis at %s is part of a cluster: --redis-url must be redis-cluster://host:port,…", redacted(raw))
	}
	return nil
}

// redacted is the URL without what may be secret.
func redacted(raw string) string {
	u, hosts, err := parseRedisURL(raw)
	if err != nil {
		return "--redis-url"
	}
	u.Host, u.RawQuery = strings.Join(hosts, ","), ""
	return u.Redacted()
}
