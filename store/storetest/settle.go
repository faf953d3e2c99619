package storetest

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"gather"
)

// creates is a filter of the script that creates an aggregation, once Redis knows
// the script: it is the only one with so many arguments.
func creates(cmd redis.Cmder) bool {
	return strings.HasPrefix(scriptOn(cmd), "gather:{agg_") && len(cmd.Args()) > 20
}

// refusal is an answer of Redis that it did not do it.
type refusal string

func (r refusal) Error() string { return string(r) }

// RedisError tells it from an answer that did not come.
func (r refusal) RedisError() {}

// found is the one aggregation that there is, or "".
func (f *fixture) found() string {
	f.Helper()
	page, err := f.store.List(f.ctx, gather.Filter{}, "", 10)
	f.check("list", err)
	switch len(page.Items) {
	case 0:
		return ""
	case 1:
		return page.Items[0].ID
	}
	f.Fatalf("%d aggregations", len(page.Items))
	return ""
}

// settled makes Redis know the script that creates, on each of its servers, and leaves it empty.
func (f *fixture) settled() {
	f.Helper()
	var sha string
	stop := f.intercept(func(cmd redis.Cmder) error {
		if creates(cmd) && cmd.Name() == "evalsha" {
			sha, _ = cmd.Args()[1].(string)
		}
		return nil
	})
	defer stop()
	for range 1000 { // an aggregation lies on any of the servers
		f.remove(f.create(specOf(1)).ID)
		if f.known(sha) {
			return
		}
	}
	f.Fatalf("a server does not get to know the script")
}

// known reports whether all the servers that write know the script.
func (f *fixture) known(sha string) bool {
	f.Helper()
	var unknown atomic.Bool
	f.check("ask for the script", onEachMaster(f.ctx, f.rdb, func(ctx context.Context, master *redis.Client) error {
		known, err := master.ScriptExists(ctx, sha).Result()
		if err == nil && !known[0] {
			unknown.Store(true)
		}
		return err
	}))
	return !unknown.Load()
}

func (s suite) settle(t *testing.T) {
	for name, key := range map[string]string{"returns what was created": "", "with a key returns what was created": "k"} {
		s.test(t, name, func(f *fixture) {
			f.settled()
			stop := f.loseReplies(creates)
			agg, replayed, err := f.createWithKey(key, "body", specOf(2))
			stop()
			if err != nil || replayed || agg.ID != f.found() || agg.Counts.Total != 2 {
				f.Errorf("%+v, replayed %t, %v; found %s", agg, replayed, err, f.found())
			}
		})
	}
	s.test(t, "sees to it that what was not created never is", func(f *fixture) {
		f.settled()
		var late []any
		stop := f.intercept(func(cmd redis.Cmder) error {
			if !creates(cmd) {
				return nil
			}
			late = cmd.Args()
			return errCrashed // it is on its way, for longer than anyone waits
		})
		_, _, err := f.createWithKey("", "", specOf(2))
		stop()
		if !errors.Is(err, gather.ErrUnavailable) || errors.Is(err, gather.ErrOutcomeUnknown) {
			f.Errorf("err = %v", err)
		}
		f.check("the late command", f.rdb.Do(f.ctx, late...).Err())
		if id := f.found(); id != "" {
			f.Errorf("it was created after all: %s", id)
		}
		for _, key := range f.keys("agg_") {
			if ttl, err := f.rdb.TTL(f.ctx, key).Result(); err != nil || ttl <= 0 {
				f.Errorf("%s is left, expires in %v, %v", key, ttl, err)
			}
		}
	})
	s.test(t, "with a key leaves it to the client, who asks again", func(f *fixture) {
		f.settled()
		var late []any
		stop := f.intercept(func(cmd redis.Cmder) error {
			if !creates(cmd) {
				return nil
			}
			late = cmd.Args()
			return errCrashed
		})
		_, _, err := f.createWithKey("k", "body", specOf(2))
		stop()
		if !errors.Is(err, gather.ErrUnavailable) || !errors.Is(err, gather.ErrOutcomeUnknown) {
			f.Errorf("err = %v", err)
		}
		agg, _, err := f.createWithKey("k", "body", specOf(2))
		f.check("again", err)
		f.check("the late command", f.rdb.Do(f.ctx, late...).Err())
		if id := f.found(); id != agg.ID || f.get(id).Counts.Total != 2 {
			f.Errorf("found %s, want %s", id, agg.ID)
		}
	})
	s.test(t, "is nothing to settle where Redis refused", func(f *fixture) {
		f.settled()
		stop := f.intercept(func(cmd redis.Cmder) error {
			if creates(cmd) {
				return refusal("OOM command not allowed")
			}
			return nil
		})
		_, _, err := f.createWithKey("k", "body", specOf(2))
		stop()
		if !errors.Is(err, gather.ErrUnavailable) || errors.Is(err, gather.ErrOutcomeUnknown) {
			f.Errorf("err = %v", err)
		}
	})
	s.test(t, "says that it does not know, where Redis is gone then", func(f *fixture) {
		f.settled()
		gone, passing := false, false
		stop := f.intercept(func(cmd redis.Cmder) error {
			switch {
			case passing || !gone && !creates(cmd):
				return nil
			case !gone:
				passing = true
				f.check("create", f.rdb.Do(f.ctx, cmd.Args()...).Err())
				passing, gone = false, true
			}
			return errCrashed
		})
		_, _, err := f.createWithKey("", "", specOf(2))
		stop()
		if !errors.Is(err, gather.ErrUnavailable) || !errors.Is(err, gather.ErrOutcomeUnknown) || f.found() == "" {
			f.Errorf("err = %v, found %q", err, f.found())
		}
	})
}
