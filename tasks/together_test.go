package tasks

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// crews is what a together calls: it takes a second, and answers an item with its
// text, or with err.
type crews struct {
	mu    sync.Mutex
	calls map[string][][]int
	err   error
}

func newCrews() *crews { return &crews{calls: make(map[string][][]int)} }

func (c *crews) do(id string, items []int) ([]string, error) {
	c.mu.Lock()
	c.calls[id] = append(c.calls[id], slices.Clone(items))
	err := c.err
	c.mu.Unlock()
	time.Sleep(time.Second)
	if err != nil {
		return nil, err
	}
	return texts(id, items), nil
}

func texts(id string, items []int) []string {
	var list []string
	for _, item := range items {
		list = append(list, fmt.Sprint(id, "/", item))
	}
	return list
}

// wantCalls checks the items of each call, of which only the first knows its order.
func (c *crews) wantCalls(t *testing.T, id string, want ...[]int) {
	t.Helper()
	for _, items := range c.calls[id] {
		slices.Sort(items)
	}
	if !slices.EqualFunc(c.calls[id], want, slices.Equal) {
		t.Errorf("the calls for %s are %v, want %v", id, c.calls[id], want)
	}
}

// caller calls for an item and checks the reply, and that it comes so long after the start.
func caller(t *testing.T, g *together[int, string], id string, item int, after time.Duration) func() {
	start := time.Now()
	return func() {
		reply, err := g.call(id, item)
		if want := texts(id, []int{item})[0]; err != nil || reply != want {
			t.Errorf("the reply to %d is %q, %v, want %q", item, reply, err, want)
		}
		if took := time.Since(start); took != after {
			t.Errorf("the reply to %d came after %v, want %v", item, took, after)
		}
	}
}

func TestTogether_aloneAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrews()
		g := newTogether(c.do)
		caller(t, g, "a", 1, time.Second)()
		caller(t, g, "a", 2, time.Second)()
		c.wantCalls(t, "a", []int{1}, []int{2})
		if len(g.with) > 0 {
			t.Errorf("%d aggregations are known after the last call", len(g.with))
		}
	})
}

func TestTogether_thoseThatComeMeanwhileGoInOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrews()
		g := newTogether(c.do)
		var all sync.WaitGroup
		all.Go(caller(t, g, "a", 1, time.Second))
		synctest.Wait() // the first is on its way
		for item := 2; item <= 4; item++ {
			all.Go(caller(t, g, "a", item, 2*time.Second))
		}
		time.Sleep(1500 * time.Millisecond)
		all.Go(caller(t, g, "a", 5, 1500*time.Millisecond)) // while the second is on its way
		all.Wait()
		c.wantCalls(t, "a", []int{1}, []int{2, 3, 4}, []int{5})
		if len(g.with) > 0 {
			t.Errorf("%d aggregations are known after the last call", len(g.with))
		}
	})
}

func TestTogether_othersDoNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrews()
		g := newTogether(c.do)
		var all sync.WaitGroup
		for item, id := range []string{"a", "b", "c"} {
			all.Go(caller(t, g, id, item, time.Second))
		}
		all.Wait()
		c.wantCalls(t, "b", []int{1})
	})
}

func TestTogether_mostTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrews()
		g := newTogether(c.do)
		var all sync.WaitGroup
		all.Go(caller(t, g, "a", 0, time.Second))
		synctest.Wait()
		for range 2*mostTogether + 1 {
			all.Go(func() { _, _ = g.call("a", 1) })
		}
		all.Wait()
		var sizes []int
		for _, items := range c.calls["a"] {
			sizes = append(sizes, len(items))
		}
		if want := []int{1, mostTogether, mostTogether, 1}; !slices.Equal(sizes, want) {
			t.Errorf("the calls are for %v items, want %v", sizes, want)
		}
	})
}

func TestTogether_anErrorIsAllOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrews()
		g := newTogether(c.do)
		var all sync.WaitGroup
		all.Go(caller(t, g, "a", 1, time.Second))
		synctest.Wait()
		c.err = io.ErrUnexpectedEOF
		for item := range 3 {
			all.Go(func() {
				if reply, err := g.call("a", item); !errors.Is(err, io.ErrUnexpectedEOF) || reply != "" {
					t.Errorf("the reply is %q, %v, want the error of the call", reply, err)
				}
			})
		}
		time.Sleep(1500 * time.Millisecond)
		c.mu.Lock()
		c.err = nil
		c.mu.Unlock()
		all.Go(caller(t, g, "a", 9, 1500*time.Millisecond)) // which the error has nothing to do with
		all.Wait()
	})
}

func TestTogether_stress(t *testing.T) {
	const callers, each = 50, 200
	var calls, items atomic.Int64
	var underWay [3]atomic.Int32
	g := newTogether(func(id string, list []int) ([]string, error) {
		busy := &underWay[id[0]-'a']
		if busy.Add(1) > 1 || len(list) > mostTogether {
			t.Errorf("a call for %d items of %s beside another", len(list), id)
		}
		defer busy.Add(-1)
		calls.Add(1)
		items.Add(int64(len(list)))
		if list[0]%7 == 0 {
			return nil, fmt.Errorf("%d", list)
		}
		return texts(id, list), nil
	})
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for range each {
				id, item := string('a'+rune(rand.IntN(3))), rand.IntN(1000)
				reply, err := g.call(id, item)
				if err == nil && reply != texts(id, []int{item})[0] {
					t.Errorf("the reply to %s/%d is %q", id, item, reply)
				}
			}
		})
	}
	all.Wait()
	if items.Load() != callers*each || calls.Load() > items.Load() {
		t.Errorf("%d items in %d calls, want each of %d once", items.Load(), calls.Load(), callers*each)
	}
	if len(g.with) > 0 {
		t.Errorf("%d aggregations are known after the last call", len(g.with))
	}
}

func TestTogether_lingersForThoseExpected(t *testing.T) {
	cases := map[string]struct {
		comes func(g *together[int, string]) // after the first call
		after time.Duration                  // until the call that the first waits for is made
		calls [][]int
	}{
		"until they have come": {
			func(g *together[int, string]) {
				time.Sleep(lingering / 2)
				_, _ = g.callExpected("a", 2)
			}, lingering / 2, [][]int{{1, 2}},
		},
		"until they do not come": {
			func(g *together[int, string]) {
				time.Sleep(lingering / 2)
				g.dismiss("a")
			}, lingering / 2, [][]int{{1}},
		},
		"and not for long": {
			func(g *together[int, string]) {
				time.Sleep(2 * lingering)
				_, _ = g.callExpected("a", 2)
			}, lingering, [][]int{{1}, {2}},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				made := newCrews()
				g := newTogether(made.do)
				g.expect("a")
				g.expect("a")
				var all sync.WaitGroup
				all.Go(func() {
					start := time.Now()
					if reply, err := g.callExpected("a", 1); reply != "a/1" || err != nil {
						t.Errorf("reply %q, %v", reply, err)
					}
					if took := time.Since(start) - time.Second; took != c.after {
						t.Errorf("called after %v, want %v", took, c.after)
					}
				})
				synctest.Wait()
				c.comes(g)
				all.Wait()
				made.wantCalls(t, "a", c.calls...)
				if len(g.with) > 0 {
					t.Errorf("%d aggregations are known after the last call", len(g.with))
				}
			})
		})
	}
}

func TestTogether_lingersForOthersOnTheirWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		made := newCrews()
		g := newTogether(made.do)
		here := make(chan struct{})
		g.others = func() <-chan struct{} { return here }
		var all sync.WaitGroup
		all.Go(caller(t, g, "a", 1, lingering/2+time.Second))
		time.Sleep(lingering / 2)
		all.Go(caller(t, g, "a", 2, time.Second))
		synctest.Wait()
		close(here)
		all.Wait()
		made.wantCalls(t, "a", []int{1, 2})
	})
}

// A call that panics leaves nobody waiting.
func TestTogether_panic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newTogether(func(string, []int) ([]string, error) {
			time.Sleep(time.Second)
			panic("oops")
		})
		g.expect("a")
		g.expect("a")
		var all sync.WaitGroup
		var told atomic.Int64
		for item := range 3 { // the third goes in a call of its own
			all.Go(func() {
				if item == 2 {
					time.Sleep(time.Second / 2)
				}
				if _, err := g.callExpected("a", item); err != nil {
					told.Add(1)
				}
			})
		}
		all.Wait()
		if told.Load() != 3 || len(g.with) > 0 {
			t.Errorf("%d of 3 are told, %d aggregations are known", told.Load(), len(g.with))
		}
	})
}
