package store

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"gather"
)

// clockWatch holds up every question for the time of Redis' clock.
type clockWatch struct {
	passOn

	questions atomic.Int32
	asked     chan struct{} // gets a word at every question
	answer    chan error    // is waited for then; an error is the answer
}

func newClockTest(t *testing.T) (*Store, *clockWatch) {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr(), MaxRetries: -1})
	s := New(rdb)
	t.Cleanup(func() {
		s.Close()
		_ = rdb.Close()
	})
	w := &clockWatch{asked: make(chan struct{}, 10), answer: make(chan error, 10)}
	rdb.AddHook(w)
	return s, w
}

func (w *clockWatch) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() == "time" {
			w.questions.Add(1)
			w.asked <- struct{}{}
			if err := <-w.answer; err != nil {
				cmd.SetErr(err)
				return err
			}
		}
		return next(ctx, cmd)
	}
}

var oneURL = &gather.Creation{Spec: &gather.Spec{URLs: []string{"https://example.com/"}}}

func TestStore_ExpectCreation(t *testing.T) {
	t.Run("asks what Create then waits for", func(t *testing.T) {
		s, w := newClockTest(t)
		ctx, hangUp := context.WithCancel(t.Context())
		s.ExpectCreation(ctx)
		<-w.asked // before there is a Create
		hangUp()  // the question is for whoever comes
		created := make(chan error, 1)
		go func() {
			_, _, err := s.Create(t.Context(), oneURL)
			created <- err
		}()
		w.answer <- nil
		if err := <-created; err != nil {
			t.Fatal(err)
		}
		s.ExpectCreation(t.Context()) // Redis has just answered
		if n := w.questions.Load(); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
	t.Run("and nothing is accepted where it fails", func(t *testing.T) {
		s, w := newClockTest(t)
		s.ExpectCreation(t.Context())
		<-w.asked
		created := make(chan error, 1)
		go func() {
			_, _, err := s.Create(t.Context(), oneURL)
			created <- err
		}()
		w.answer <- errors.New("away")
		w.answer <- errors.New("away") // Create may have come too late for the first
		if err := <-created; !errors.Is(err, gather.ErrUnavailable) || errors.Is(err, gather.ErrOutcomeUnknown) {
			t.Errorf("err = %v", err)
		}
		if page, err := s.List(t.Context(), gather.Filter{}, "", 10); err != nil || len(page.Items) > 0 {
			t.Errorf("%+v, %v", page, err)
		}
	})
	t.Run("but Create waits no longer than its client", func(t *testing.T) {
		s, w := newClockTest(t)
		s.ExpectCreation(t.Context())
		<-w.asked
		ctx, hangUp := context.WithCancel(t.Context())
		hangUp()
		if _, _, err := s.Create(ctx, oneURL); !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v", err)
		}
		w.answer <- nil
	})
}
