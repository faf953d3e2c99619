package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"gather"
	"gather/internal/redistest"
	"gather/store"
	"gather/store/storetest"
)

// newStore returns a store on the Redis at the URL, and its client.
func newStore(t *testing.T, url string, timing store.Timing) (*store.Store, redis.UniversalClient) {
	t.Helper()
	opts, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	rdb := newClient(t, opts)
	s := store.NewWith(rdb, timing)
	t.Cleanup(s.Close)
	return s, rdb
}

func mustCreate(t *testing.T, s *store.Store, spec *gather.Spec) string {
	t.Helper()
	agg, _, err := s.Create(t.Context(), &gather.Creation{Spec: spec})
	if err != nil {
		t.Fatal(err)
	}
	return agg.ID
}

func mustBegin(t *testing.T, s *store.Store, id string) {
	t.Helper()
	if plan, err := s.Begin(t.Context(), id, gather.Room{}); err != nil || plan == nil {
		t.Fatalf("begin: %+v, %v", plan, err)
	}
}

var oneItem = &gather.Spec{URLs: []string{"https://example.com/"}}

func TestStore_whenRedisIs(t *testing.T) {
	t.Run("killed and started again", func(t *testing.T) {
		t.Parallel()
		server := redistest.Launch(t)
		s, _ := newStore(t, server.URL, store.Timing{})
		id := mustCreate(t, s, oneItem)
		server.Kill()
		storetest.Unavailable(t, s, id)
		server.Restart()
		again(t, "it takes work again", func() error {
			_, _, err := s.Create(t.Context(), &gather.Creation{Spec: oneItem})
			return err
		})
		if _, err := s.Get(t.Context(), id); !errors.Is(err, gather.ErrNotFound) { // it kept nothing on disk
			t.Errorf("err = %v", err)
		}
	})
	t.Run("stopped without ending", func(t *testing.T) {
		t.Parallel()
		server := redistest.Launch(t)
		patient, _ := newStore(t, server.URL, store.Timing{})
		id := mustCreate(t, patient, oneItem)
		s, _ := newStore(t, server.URL+"?read_timeout=10ms&dial_timeout=10ms", store.Timing{})
		server.Pause()
		storetest.Unavailable(t, s, id)
		server.Resume()
		if agg, err := patient.Get(t.Context(), id); err != nil || agg.Status != gather.StatusQueued {
			t.Errorf("%+v, %v", agg, err)
		}
	})
	t.Run("stopped just after it answered", func(t *testing.T) {
		t.Parallel()
		server := redistest.Launch(t)
		s, _ := newStore(t, server.URL+"?read_timeout=300ms", store.Timing{})
		_, rdb := newStore(t, server.URL, store.Timing{})
		accepted := mustCreate(t, s, oneItem)
		server.Pause()
		_, _, err := s.Create(t.Context(), &gather.Creation{Spec: oneItem})
		server.Resume()
		if err == nil {
			t.Error("created by a Redis that is stopped")
		}
		for range 20 { // it comes to what it was sent before, or with the first of these
			if err := rdb.Ping(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
		}
		if keys := rdb.Keys(t.Context(), "gather:{agg_*}").Val(); len(keys) != 1 || !strings.Contains(keys[0], accepted) {
			t.Errorf("kept %q, want %s alone", keys, accepted)
		}
	})
	t.Run("restarted during a wait", func(t *testing.T) {
		t.Parallel()
		server := redistest.Launch(t, "appendonly yes", "appendfsync always")
		s, rdb := newStore(t, server.URL, store.Timing{Poll: time.Hour})
		id := mustCreate(t, s, oneItem)
		mustBegin(t, s, id)
		type waited struct {
			agg *gather.Reading
			err error
		}
		ended := make(chan waited, 1)
		go func() {
			agg, err := s.Wait(t.Context(), id, time.Hour, nil)
			ended <- waited{agg, err}
		}()
		subscribed := func() error {
			n, err := rdb.PubSubNumSub(t.Context(), "gather:changed").Result()
			if err == nil && n["gather:changed"] == 0 {
				err = errors.New("nobody listens")
			}
			return err
		}
		again(t, "the waiter listens", subscribed)
		server.Restart()
		again(t, "the waiter listens again", subscribed)
		result := gather.Result{Status: gather.ItemSucceeded}
		again(t, "the last result is recorded", func() error {
			_, err := s.Record(t.Context(), id, []gather.Result{result})
			return err
		})
		if w := <-ended; w.err != nil || w.agg.Status != gather.StatusSucceeded {
			t.Errorf("%+v, %v", w.agg, w.err)
		}
	})
	t.Run("away for a while during a wait and a follow", func(t *testing.T) {
		t.Parallel()
		server := redistest.Launch(t, "appendonly yes", "appendfsync always")
		w := newWitnesses(t, server.URL, store.Timing{Poll: 5 * time.Millisecond})
		server.Kill()
		again(t, "both have noticed", func() error {
			return errors.Join(atLeast(2, w.ofWait.failed.Load()), atLeast(2, w.ofFollow.failed.Load()))
		})
		server.Restart()
		again(t, "the last result is recorded", func() error {
			_, err := w.store.Record(t.Context(), w.id, []gather.Result{{Status: gather.ItemSucceeded}})
			return err
		})
		if err := <-w.waited; err != nil {
			t.Errorf("the wait: %v", err)
		}
		if err := <-w.followed; err != nil {
			t.Errorf("the follow: %v", err)
		}
	})
	t.Run("away at a deadline", func(t *testing.T) {
		t.Parallel()
		server := redistest.Launch(t, "appendonly yes", "appendfsync always")
		s, rdb := newStore(t, server.URL, store.Timing{})
		id := mustCreate(t, s, oneItem)
		mustBegin(t, s, id)
		for field, unit := range map[string]time.Duration{"accepted": time.Millisecond, "accepted_us": time.Microsecond} {
			if err := rdb.HIncrBy(t.Context(), "gather:{"+id+"}", field, -int64(time.Hour/unit)).Err(); err != nil {
				t.Fatal(err)
			}
		}
		server.Kill()
		if _, err := s.Get(t.Context(), id); !errors.Is(err, gather.ErrUnavailable) {
			t.Fatal(err)
		}
		away := time.Now()
		server.Restart()
		again(t, "it is read", func() error {
			agg, err := s.Get(t.Context(), id)
			if err == nil && agg.Status != gather.StatusRunning && time.Since(away) < 3*time.Second {
				t.Errorf("a reader has ended it before its workers could record what they have: %+v", agg)
			}
			return err
		})
	})
	t.Run("away for longer than they are patient", func(t *testing.T) {
		t.Parallel()
		server := redistest.Launch(t)
		w := newWitnesses(t, server.URL, store.Timing{Poll: 5 * time.Millisecond, Patience: 300 * time.Millisecond})
		server.Kill()
		if err := <-w.waited; !errors.Is(err, gather.ErrUnavailable) {
			t.Errorf("the wait: %v", err)
		}
		if err := <-w.followed; !errors.Is(err, gather.ErrUnavailable) {
			t.Errorf("the follow: %v", err)
		}
	})
	t.Run("full", func(t *testing.T) {
		t.Parallel()
		s, rdb := newStore(t, redistest.Start(t), store.Timing{})
		id := mustCreate(t, s, oneItem)
		if err := rdb.ConfigSet(t.Context(), "maxmemory", "1mb").Err(); err != nil {
			t.Fatal(err)
		}
		_, _, err := s.Create(t.Context(), &gather.Creation{Spec: oneItem, IdempotencyKey: "k"})
		if !errors.Is(err, gather.ErrUnavailable) || !strings.Contains(err.Error(), "OOM") {
			t.Errorf("err = %v", err)
		}
		page, err := s.List(t.Context(), gather.Filter{}, "", 10)
		if err != nil || len(page.Items) != 1 || page.Items[0].ID != id {
			t.Errorf("listed %+v, %v", page.Items, err)
		}
		if err := s.Delete(t.Context(), id); err != nil { // the way out
			t.Error(err)
		}
	})
	t.Run("full, an owner within its limits may read and end what it has", func(t *testing.T) {
		t.Parallel()
		s, rdb := newStore(t, redistest.Start(t), store.Timing{})
		s.LimitOpen(1)
		ctx, rate := gather.WithOwner(t.Context(), "a"), gather.Rate{PerSecond: 0.001, Burst: 3}
		agg, _, err := s.Create(ctx, &gather.Creation{Spec: oneItem})
		if err != nil {
			t.Fatal(err)
		}
		if err := rdb.ConfigSet(ctx, "maxmemory", "1mb").Err(); err != nil {
			t.Fatal(err)
		}
		for i := range 4 {
			if left, err := s.Take(ctx, rate); err != nil || left.Granted != (i < 3) {
				t.Errorf("request %d: %+v, %v", i+1, left, err)
			}
		}
		if _, err := s.Cancel(ctx, agg.ID); err != nil {
			t.Error(err)
		}
		if err := s.Delete(ctx, agg.ID); err != nil {
			t.Error(err)
		}
		for _, list := range []string{"gather:{all}:index:a", "gather:{all}:owners", "gather:{all}:open:a"} {
			if n, err := rdb.Exists(ctx, list).Result(); err != nil || n > 0 {
				t.Errorf("%s: %d, %v", list, n, err)
			}
		}
	})
}

// witnesses wait for and follow an aggregation of one item, each through a store of its own.
type witnesses struct {
	store            *store.Store
	id               string
	ofWait, ofFollow replies
	waited           chan error
	// followed is nil if one result came and then the end.
	followed chan error
}

// newWitnesses returns when both have found Redis.
func newWitnesses(t *testing.T, url string, timing store.Timing) *witnesses {
	t.Helper()
	waiting, waitingRDB := newStore(t, url, timing)
	following, followingRDB := newStore(t, url, timing)
	w := &witnesses{store: following, waited: make(chan error, 1), followed: make(chan error, 1)}
	w.id = mustCreate(t, following, oneItem)
	mustBegin(t, following, w.id)
	waitingRDB.AddHook(&w.ofWait)
	followingRDB.AddHook(&w.ofFollow)
	go func() {
		reading, err := waiting.Wait(t.Context(), w.id, time.Hour, nil)
		if err == nil && reading.Status != gather.StatusSucceeded {
			err = fmt.Errorf("%+v", reading.Aggregation)
		}
		w.waited <- err
	}()
	go func() {
		results := 0
		var failure error
		for progress, err := range following.Follow(t.Context(), w.id, 0) {
			failure = errors.Join(failure, err)
			results += len(progress.Completions)
		}
		if failure == nil && results != 1 {
			failure = fmt.Errorf("%d results", results)
		}
		w.followed <- failure
	}()
	again(t, "both have read", func() error {
		return errors.Join(atLeast(1, w.ofWait.scripts.Load()), atLeast(1, w.ofFollow.scripts.Load()))
	})
	return w
}

func atLeast(want, n int64) error {
	if n < want {
		return fmt.Errorf("%d, want %d", n, want)
	}
	return nil
}

// replies counts scripts that Redis has answered, and commands that did not reach it.
type replies struct{ scripts, failed atomic.Int64 }

func (r *replies) DialHook(next redis.DialHook) redis.DialHook { return next }

func (r *replies) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		var answer redis.Error
		switch {
		case err != nil && !errors.As(err, &answer):
			r.failed.Add(1)
		case err == nil && cmd.Name() == "evalsha":
			r.scripts.Add(1)
		}
		return err
	}
}

func (r *replies) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func TestStore_Ready_warnsOfAFullRedis(t *testing.T) {
	t.Parallel()
	s, rdb := newStore(t, redistest.Start(t), store.Timing{})
	for limit, warnings := range map[string]int{"0": 0, "1": 1, "1gb": 0} {
		if err := rdb.ConfigSet(t.Context(), "maxmemory", limit).Err(); err != nil {
			t.Fatal(err)
		}
		ready, err := s.Ready(t.Context())
		if err != nil || len(ready.Warnings) != warnings || warnings > 0 && !strings.Contains(ready.Warnings[0], "maxmemory") {
			t.Errorf("maxmemory %s: %+v, %v", limit, ready, err)
		}
	}
}

func TestStore_Ready_warnsOfEviction(t *testing.T) {
	t.Parallel()
	for policy, warnings := range map[string]int{"noeviction": 0, "allkeys-lru": 1, "volatile-ttl": 1} {
		s, _ := newStore(t, redistest.Start(t, "maxmemory-policy "+policy), store.Timing{})
		ready, err := s.Ready(t.Context())
		if err != nil || len(ready.Warnings) != warnings || warnings > 0 && !strings.Contains(ready.Warnings[0], policy) {
			t.Errorf("%s: %+v, %v", policy, ready, err)
		}
	}
}

// again tries until it works.
func again(t *testing.T, what string, try func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for err := try(); err != nil; err = try() {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		case <-time.After(2 * time.Millisecond):
		}
	}
}
