package store_test

import (
	"context"
	"errors"
	"strings"
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
	if plan, err := s.Begin(t.Context(), id); err != nil || plan == nil {
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
