package store

import (
	"slices"
	"sync"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

func newTestHub(tb testing.TB) *hub {
	tb.Helper()
	server := miniredis.RunT(tb)
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr()})
	h := newHub(rdb)
	tb.Cleanup(func() {
		h.close()
		_ = rdb.Close()
	})
	return h
}

// hinted takes the hint that w holds, and reports whether there was one.
func hinted(hints <-chan struct{}) bool {
	select {
	case <-hints:
		return true
	default:
		return false
	}
}

func TestHub_hint(t *testing.T) {
	h := newTestHub(t)
	// Without its listener, which would hint at everything once it has subscribed.
	h.done = make(chan struct{})
	close(h.done)
	one, forgetOne := h.watch("a")
	two, forgetTwo := h.watch("a")
	other, forgetOther := h.watch("b")
	state := func() []bool { return []bool{hinted(one), hinted(two), hinted(other)} }
	check := func(what string, want ...bool) {
		t.Helper()
		if got := state(); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}

	check("before any hint", false, false, false)
	h.hint("a")
	h.hint("a")
	check("two hints are one reading", true, true, false)
	check("a hint is taken once", false, false, false)
	h.hintAll()
	check("a new subscription hints at all", true, true, true)
	forgetOne()
	h.hint("a")
	check("who is forgotten hears nothing", false, true, false)
	forgetTwo()
	forgetTwo()
	forgetOther()
	if len(h.watchers) != 0 {
		t.Errorf("watchers are left: %v", h.watchers)
	}
}

func TestHub_close(t *testing.T) {
	t.Run("before and after the first waiter, and twice", func(t *testing.T) {
		h := newTestHub(t)
		h.close()
		_, forget := h.watch("a")
		forget()
		h.close()
		h.close()
	})
	t.Run("while waiters come and go", func(t *testing.T) {
		h := newTestHub(t)
		var waiters sync.WaitGroup
		for range 8 {
			waiters.Go(func() {
				for range 50 {
					_, forget := h.watch("a")
					forget()
				}
			})
		}
		h.close()
		waiters.Wait()
	})
}
