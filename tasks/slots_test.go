package tasks

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

func TestSlots_tryAcquire(t *testing.T) {
	s := newSlots(3)
	for i, c := range []struct{ want, get int }{{0, 0}, {2, 2}, {5, 1}, {1, 0}} {
		if got := s.tryAcquire(c.want); got != c.get {
			t.Errorf("call %d: tryAcquire(%d) = %d, want %d", i, c.want, got, c.get)
		}
	}
	if s.free() {
		t.Error("there is a free slot, and none to get")
	}
	s.release(2)
	for range 2 {
		if !s.free() {
			t.Error("no slot is free after a release, or asking takes them")
		}
	}
	if got := s.tryAcquire(3); got != 2 {
		t.Errorf("tryAcquire = %d, want the 2 that were released", got)
	}
}

func TestSlots_release_tells(t *testing.T) {
	s := newSlots(2)
	told := 0
	s.onRelease = func() {
		if told++; !s.free() {
			t.Error("told before the slot was free")
		}
	}
	s.tryAcquire(2)
	s.release(1)
	s.release(1)
	if told != 2 {
		t.Errorf("told %d times of 2 releases", told)
	}
}

func TestSlots_acquire_comesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(1)
		s.tryAcquire(1)
		got := make(chan error, 1)
		go func() { got <- s.acquire(t.Context()) }()
		synctest.Wait()
		s.release(1)
		if s.free() || s.tryAcquire(1) != 0 {
			t.Error("the slot went to one that came later")
		}
		if err := <-got; err != nil {
			t.Error(err)
		}
		s.release(1)
		wantAllFree(t, s, 1)
	})
}

func TestSlots_acquire_endsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(1)
		s.tryAcquire(1)
		ctx, cancel := context.WithCancel(t.Context())
		got := make(chan error, 1)
		go func() { got <- s.acquire(ctx) }()
		synctest.Wait()
		cancel()
		if err := <-got; !errors.Is(err, context.Canceled) {
			t.Errorf("acquire = %v, want %v", err, context.Canceled)
		}
		s.release(1)
		if err := s.acquire(ctx); err == nil {
			t.Error("a slot went to one that has ended")
		}
		wantAllFree(t, s, 1)
	})
}
