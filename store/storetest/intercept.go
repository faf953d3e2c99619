package storetest

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// errCrashed is what a process that is no more gets from Redis.
var errCrashed = errors.New("crashed")

// interceptor stands between a client and Redis: it is asked before every command,
// of which the tests that intercept send one at a time.
type interceptor struct {
	mu     sync.Mutex
	before func(cmd redis.Cmder) error // nil lets all pass
	lost   func(cmd redis.Cmder) bool  // whether the reply to a command alone gets lost; nil: none does
}

// intercept has before asked in front of every command of the fixture's client,
// until the returned function is called.
func (f *fixture) intercept(before func(cmd redis.Cmder) error) (stop func()) {
	f.hook().set(before, nil)
	return func() { f.hook().set(nil, nil) }
}

// commands counts what is sent to Redis while do runs.
func (f *fixture) commands(do func()) int {
	n := 0
	stop := f.intercept(func(redis.Cmder) error {
		n++
		return nil
	})
	do()
	stop()
	return n
}

// loseReplies lets commands do what they do, and loses the replies to those wanted,
// until the returned function is called.
func (f *fixture) loseReplies(wanted func(cmd redis.Cmder) bool) (stop func()) {
	f.hook().set(nil, wanted)
	return func() { f.hook().set(nil, nil) }
}

func (f *fixture) hook() *interceptor {
	if f.interceptor == nil {
		f.interceptor = &interceptor{}
		f.rdb.AddHook(f.interceptor)
	}
	return f.interceptor
}

func (i *interceptor) set(before func(cmd redis.Cmder) error, lost func(cmd redis.Cmder) bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.before, i.lost = before, lost
}

func (i *interceptor) ask(cmd redis.Cmder) error {
	switch cmd.Name() {
	case "hello", "auth", "client", "select": // how a connection introduces itself, whenever it likes
		return nil
	}
	i.mu.Lock()
	before := i.before
	i.mu.Unlock()
	if before == nil {
		return nil
	}
	err := before(cmd)
	if err != nil {
		cmd.SetErr(err)
	}
	return err
}

// DialHook lets connections pass.
func (i *interceptor) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

// ProcessHook asks before a command, and loses its reply where that is wanted.
func (i *interceptor) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if err := i.ask(cmd); err != nil {
			return err
		}
		err := next(ctx, cmd)
		i.mu.Lock()
		lost := i.lost
		i.mu.Unlock()
		if lost != nil && lost(cmd) {
			cmd.SetErr(errCrashed)
			return errCrashed
		}
		return err
	}
}

// ProcessPipelineHook asks before each command, and sends those before the first
// that is refused: a crash may come in the midst of a pipeline.
func (i *interceptor) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		for n, cmd := range cmds {
			err := i.ask(cmd)
			if err == nil {
				continue
			}
			if n > 0 && cmds[0].Name() != "multi" { // of a transaction nothing is done
				_ = next(ctx, cmds[:n])
			}
			for _, lost := range cmds[n:] {
				lost.SetErr(err)
			}
			return err
		}
		return next(ctx, cmds)
	}
}

// scriptOn is the first key of the script that the command runs; "" if it runs none.
func scriptOn(cmd redis.Cmder) string {
	args := cmd.Args()
	if !slices.Contains([]string{"eval", "evalsha"}, cmd.Name()) || len(args) < 4 {
		return ""
	}
	key, _ := args[3].(string)
	return key
}

// reads reports whether the command runs the script that reads an aggregation, which needs
// two of its keys only.
func reads(cmd redis.Cmder) bool {
	return len(cmd.Args()) > 2 && cmd.Args()[2] == any(2)
}

// apart has the store learn that a script may not touch what lies in several slots, as
// if Redis were a cluster. It leaves Redis empty.
func (f *fixture) apart() {
	f.Helper()
	if _, cluster := f.rdb.(*redis.ClusterClient); cluster {
		return // it knows
	}
	refused := false
	stop := f.intercept(func(cmd redis.Cmder) error {
		if strings.HasPrefix(scriptOn(cmd), "gather:{agg_") && slices.Contains(cmd.Args(), any(scheduleKey)) {
			refused = true
			return refusal("CROSSSLOT Keys in request don't hash to the same slot")
		}
		return nil
	})
	id := f.create(specOf(1)).ID
	stop()
	if _, planned := f.scheduled(id); !refused || !planned || !f.listed(id) {
		f.Fatalf("refused: %t, planned: %t, listed: %t", refused, planned, f.listed(id))
	}
	f.remove(id)
}

// interpose calls do before the first command that is wanted; commands of do itself
// pass. stop ends that, and sees to it that there was such a command.
func (f *fixture) interpose(wanted func(cmd redis.Cmder) bool, do func()) (stop func()) {
	done := false
	end := f.intercept(func(cmd redis.Cmder) error {
		if !done && wanted(cmd) {
			done = true
			do()
		}
		return nil
	})
	return func() {
		f.Helper()
		if end(); !done {
			f.Fatalf("the command to come before never came")
		}
	}
}
