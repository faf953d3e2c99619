package tasks

import (
	"context"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

// pipelined is a Redis client on which scripts that are called while another is
// under way go in one pipeline. asynq calls one for each task that it enqueues or
// finishes, and round trips are most of what they cost.
type pipelined struct {
	redis.UniversalClient
	calls *together[scriptCall, *redis.Cmd]
	clock *clock // nil where no script has times that matter
}

// scriptCall makes the call of a script on a client or in a pipeline.
type scriptCall func(redis.Cmdable) *redis.Cmd

func newPipelined(rdb redis.UniversalClient) *pipelined {
	p := &pipelined{UniversalClient: rdb}
	p.calls = newTogether(func(_ string, calls []scriptCall) ([]*redis.Cmd, error) {
		// One caller's end is none of the others' business; the client has timeouts.
		return p.pipeline(context.Background(), calls), nil
	})
	return p
}

// pipeline makes the calls in one round trip. Each reply has its own error.
func (p *pipelined) pipeline(ctx context.Context, calls []scriptCall) []*redis.Cmd {
	if len(calls) == 1 {
		return []*redis.Cmd{calls[0](p.UniversalClient)}
	}
	replies := make([]*redis.Cmd, len(calls))
	_, _ = p.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i, call := range calls {
			replies[i] = call(pipe)
		}
		return nil
	})
	return replies
}

// script makes the call together with others: those of its convoy, or else those that
// come at the same time.
func (p *pipelined) script(ctx context.Context, call scriptCall) *redis.Cmd {
	if s := seatOf(ctx); s != nil {
		if reply := s.take(call); reply != nil {
			return reply
		}
	}
	reply, _ := p.calls.call("", call) // errors are in the replies
	return reply
}

// EvalSha implements [redis.UniversalClient].
func (p *pipelined) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	ctx, args = context.WithoutCancel(ctx), p.clock.correct(keys, args)
	return p.script(ctx, func(c redis.Cmdable) *redis.Cmd { return c.EvalSha(ctx, sha, keys, args...) })
}

// Eval implements [redis.UniversalClient].
func (p *pipelined) Eval(ctx context.Context, script string, keys []string, args ...any) *redis.Cmd {
	ctx, args = context.WithoutCancel(ctx), p.clock.correct(keys, args)
	return p.script(ctx, func(c redis.Cmdable) *redis.Cmd { return c.Eval(ctx, script, keys, args...) })
}

// ZAddXX implements [redis.UniversalClient]. asynq extends leases with it.
func (p *pipelined) ZAddXX(ctx context.Context, key string, members ...redis.Z) *redis.IntCmd {
	if p.clock != nil && strings.HasSuffix(key, ":lease") {
		members = slices.Clone(members)
		for i := range members {
			members[i].Score += float64(p.clock.seconds())
		}
	}
	return p.UniversalClient.ZAddXX(ctx, key, members...)
}
