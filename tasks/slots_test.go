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

func TestSlots_acquire_waitsForARelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(1)
		s.tryAcquire(1)
		got := make(chan error, 1)
		go func() { got <- s.acquire(t.Context(), nil) }()
		synctest.Wait()
		s.release(1)
		if err := <-got; err != nil || s.free() {
			t.Errorf("acquire = %v, free: %t", err, s.free())
		}
		s.release(1)
		wantAllFree(t, s, 1)
	})
}

func TestSlots_acquire_endsWhenTheWorkerStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, stop := newSlots(1), make(chan struct{})
		s.tryAcquire(1)
		got := make(chan error, 1)
		go func() { got <- s.acquire(t.Context(), stop) }()
		synctest.Wait()
		close(stop)
		if err := <-got; !errors.Is(err, errStopping) {
			t.Errorf("acquire = %v, want %v", err, errStopping)
		}
		s.release(1)
		if err := s.acquire(t.Context(), stop); !errors.Is(err, errStopping) {
			t.Errorf("acquire of a free one = %v, want %v", err, errStopping)
		}
		wantAllFree(t, s, 1)
	})
}

func TestSlots_acquire_endsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(1)
		s.tryAcquire(1)
		ctx, cancel := context.WithCancel(t.Context())
		got := make(chan error, 1)
		go func() { got <- s.acquire(ctx, nil) }()
		synctest.Wait()
		cancel()
		if err := <-got; !errors.Is(err, context.Canceled) {
			t.Errorf("acquire = %v, want %v", err, context.Canceled)
		}
		s.release(1)
		if err := s.acquire(ctx, nil); err == nil {
			t.Error("a slot went to one that has ended")
		}
		wantAllFree(t, s, 1)
	})
}
