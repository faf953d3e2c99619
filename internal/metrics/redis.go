package metrics

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

// The kinds of what is sent to Redis.
const (
	kindCommand  = "command"
	kindScript   = "script"
	kindPipeline = "pipeline"
)

// The kinds of errors of Redis.
const (
	errorTimeout    = "timeout"    // no answer in time, or no connection to ask on
	errorConnection = "connection" // it can't be reached, or a connection broke
	errorReply      = "reply"      // it has answered with an error
)

// Redis is a hook of a Redis client that times what is sent and counts what fails.
type Redis struct {
	durations map[string]prometheus.Observer
	errors    map[string]prometheus.Counter
}

// Redis returns a hook, for all clients of the process.
func (m *Metrics) Redis() *Redis {
	r := &Redis{durations: make(map[string]prometheus.Observer), errors: make(map[string]prometheus.Counter)}
	durations := m.histograms("redis_roundtrip_duration_seconds", "Time of a round trip to Redis, by what was sent.",
		[]float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5}, "kind")
	for _, kind := range []string{kindCommand, kindScript, kindPipeline} {
		r.durations[kind] = durations.WithLabelValues(kind)
	}
	failed := m.counters("redis_errors_total", "Round trips to Redis that failed.", "kind")
	for _, kind := range []string{errorTimeout, errorConnection, errorReply} {
		r.errors[kind] = failed.WithLabelValues(kind)
	}
	return r
}

// DialHook lets connections pass: those that fail fail a command.
func (r *Redis) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook times a command.
func (r *Redis) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		kind := kindCommand
		if strings.HasPrefix(cmd.Name(), "eval") {
			kind = kindScript
		}
		begun := time.Now()
		err := next(ctx, cmd)
		r.observe(kind, begun, err)
		return err
	}
}

// ProcessPipelineHook times a pipeline. The error that it counts is the first.
func (r *Redis) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		begun := time.Now()
		err := next(ctx, cmds)
		r.observe(kindPipeline, begun, firstError(cmds, err))
		return err
	}
}

// firstError is the first of a pipeline's errors that is one: a key that is not there is none.
func firstError(cmds []redis.Cmder, err error) error {
	if kindOf(err) != "" || err == nil {
		return err
	}
	for _, cmd := range cmds {
		if kindOf(cmd.Err()) != "" {
			return cmd.Err()
		}
	}
	return nil
}

func (r *Redis) observe(kind string, begun time.Time, err error) {
	r.durations[kind].Observe(time.Since(begun).Seconds())
	if failed := kindOf(err); failed != "" {
		r.errors[failed].Inc()
	}
}

// kindOf says what kind of error it is, "" where it is none: nothing was there, or the script
// was not, which then is sent, or the caller wanted no answer any more.
func kindOf(err error) string {
	var reply redis.Error
	var timeout net.Error
	switch {
	case err == nil, errors.Is(err, redis.Nil), redis.HasErrorPrefix(err, "NOSCRIPT"), errors.Is(err, context.Canceled):
		return ""
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, redis.ErrPoolTimeout),
		errors.As(err, &timeout) && timeout.Timeout():
		return errorTimeout
	case errors.As(err, &reply):
		return errorReply
	}
	return errorConnection
}
