package app

import (
	"cmp"
	"context"
	"errors"
	"net"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

// turnedAwayPause is the pause before a command that was turned away is sent again.
const turnedAwayPause = 50 * time.Millisecond

// failover is how commands go where masters come and go. What Redis has turned away, because
// the server is no master or not yet one, was not done and is sent again. What may have been
// done is not: the answer is lost, and whoever called knows best what to do.
type failover struct {
	// limit is how long a command may take in all, with looking for the master, redirects
	// and second tries.
	limit time.Duration
	// lookAgain has the client find out who is master now.
	lookAgain func(context.Context)
}

// newFailover returns the hook of a client with the given read timeout.
func newFailover(readTimeout time.Duration, lookAgain func(context.Context)) *failover {
	if readTimeout <= 0 { // none
		readTimeout = commandTimeout
	}
	return &failover{limit: readTimeout, lookAgain: lookAgain}
}

// DialHook lets connections pass.
func (f *failover) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

// ProcessHook sends a command.
func (f *failover) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		ctx, cancel := context.WithTimeout(ctx, f.limit)
		defer cancel()
		err := next(ctx, once{cmd})
		for turnedAway(err) && pause(ctx) {
			err = next(ctx, once{cmd})
		}
		f.notice(ctx, err)
		return err
	}
}

// ProcessPipelineHook sends commands, each of which may be done without the others.
func (f *failover) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		ctx, cancel := context.WithTimeout(ctx, f.limit)
		defer cancel()
		left := make([]redis.Cmder, len(cmds))
		for i, cmd := range cmds {
			left[i] = once{cmd}
		}
		for {
			_ = next(ctx, left) // each has an error of its own
			left = slices.DeleteFunc(left, func(cmd redis.Cmder) bool { return !turnedAway(cmd.Err()) })
			if len(left) == 0 || !pause(ctx) {
				break
			}
		}
		var first error
		for _, cmd := range cmds {
			f.notice(ctx, cmd.Err())
			first = cmp.Or(first, cmd.Err())
		}
		return first
	}
}

// notice looks for the master where no answer came.
func (f *failover) notice(ctx context.Context, err error) {
	var answer redis.Error
	if err != nil && !errors.As(err, &answer) {
		f.lookAgain(ctx)
	}
}

// turnedAway reports whether Redis has said that it did not do the command, and will or
// another server will before long.
func turnedAway(err error) bool {
	return redis.IsReadOnlyError(err) || redis.IsClusterDownError(err) || redis.IsMasterDownError(err) ||
		redis.IsTryAgainError(err) || redis.IsLoadingError(err)
}

// pause reports whether there is time for another try after it.
func pause(ctx context.Context) bool {
	select {
	case <-time.After(turnedAwayPause):
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// once is a command that is not sent again after it may have been done. go-redis would send
// it to another server of a cluster when its connection breaks or a reply is late; redirects,
// which come from a server that has not done it, it still follows.
type once struct{ redis.Cmder }

// NoRetry tells go-redis so.
func (once) NoRetry() bool { return true }
