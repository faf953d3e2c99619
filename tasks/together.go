package tasks

import (
	"runtime"
	"sync"
	"time"
)

// mostTogether bounds what goes into one call.
const mostTogether = 256

// lingering is how long a call waits at most for others that are expected to come along.
const lingering = 500 * time.Microsecond

// together makes one call of many that concern the same aggregation and come while
// another is under way, or while more are expected. One that is expected alone, or the
// last of several, is made at once.
type together[T, R any] struct {
	// do makes the call for items of one aggregation, and returns a reply to each.
	do func(id string, items []T) ([]R, error)
	// others is what a call lingers for where none of its own aggregation is expected; it
	// returns nil where there are none. Not called if nil.
	others func() <-chan struct{}

	mu   sync.Mutex
	with map[string]*crew[T, R] // of each aggregation that has a call under way, or expects one
}

// crew are those of one aggregation that call together.
type crew[T, R any] struct {
	busy     bool            // a call is under way, or lingers
	expected int             // those that are about to come
	complete chan struct{}   // closed when nobody is expected any more; nil unless a call lingers
	waiting  []*member[T, R] // those for the next call
}

// member is one of those that call together.
type member[T, R any] struct {
	item  T
	reply R
	err   error
	turn  chan []*member[T, R] // closed when reply is there; else brings those to call for
}

func newTogether[T, R any](do func(id string, items []T) ([]R, error)) *together[T, R] {
	return &together[T, R]{do: do, with: make(map[string]*crew[T, R])}
}

// expect notes that one more call is going to come: each is followed by a call or a dismiss.
func (g *together[T, R]) expect(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.crewOf(id).expected++
}

// dismiss notes that one that was expected does not come.
func (g *together[T, R]) dismiss(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.crewOf(id)
	c.arrive()
	g.forget(id, c)
}

// callExpected is call of one that was expected.
func (g *together[T, R]) callExpected(id string, item T) (R, error) {
	return g.join(id, item, true)
}

// call returns the reply to the item, of a call made by this goroutine or another.
func (g *together[T, R]) call(id string, item T) (R, error) {
	return g.join(id, item, false)
}

func (g *together[T, R]) join(id string, item T, expected bool) (R, error) {
	m := &member[T, R]{item: item, turn: make(chan []*member[T, R], 1)}
	g.mu.Lock()
	c := g.crewOf(id)
	if expected {
		c.arrive()
	}
	c.waiting = append(c.waiting, m)
	busy := c.busy
	c.busy = true
	complete := c.linger(busy)
	g.mu.Unlock()
	if !busy && complete == nil && g.others != nil {
		complete = g.others()
	}
	var members []*member[T, R]
	if busy {
		if members = <-m.turn; members == nil {
			return m.reply, m.err
		}
	} else {
		await(complete)
		members = g.muster(c)
	}
	g.callFor(id, members)
	g.next(id, c)
	return m.reply, m.err
}

// crewOf is the aggregation's crew. The caller holds the lock.
func (g *together[T, R]) crewOf(id string) *crew[T, R] {
	c := g.with[id]
	if c == nil {
		c = &crew[T, R]{}
		g.with[id] = c
	}
	return c
}

// forget drops a crew that nobody needs any more. The caller holds the lock.
func (g *together[T, R]) forget(id string, c *crew[T, R]) {
	if !c.busy && c.expected == 0 {
		delete(g.with, id)
	}
}

// arrive notes that one who was expected has come, or does not come.
func (c *crew[T, R]) arrive() {
	c.expected = max(0, c.expected-1)
	if c.expected == 0 && c.complete != nil {
		close(c.complete)
		c.complete = nil
	}
}

// linger returns what a call waits for before it is made; nil means nothing.
func (c *crew[T, R]) linger(busy bool) <-chan struct{} {
	if busy || c.expected == 0 {
		return nil
	}
	c.complete = make(chan struct{})
	return c.complete
}

// await waits until those who are expected have come, and no longer than worth it.
func await(complete <-chan struct{}) {
	if complete == nil {
		runtime.Gosched() // for those who are just about to call, expected or not
		return
	}
	timer := time.NewTimer(lingering)
	defer timer.Stop()
	select {
	case <-complete:
	case <-timer.C:
	}
}

// muster takes those who are here to be called for.
func (g *together[T, R]) muster(c *crew[T, R]) []*member[T, R] {
	g.mu.Lock()
	defer g.mu.Unlock()
	c.complete = nil
	return c.take()
}

// take takes those who go in one call. The caller holds the lock.
func (c *crew[T, R]) take() []*member[T, R] {
	members := c.waiting[:min(len(c.waiting), mostTogether)]
	c.waiting = c.waiting[len(members):]
	return members
}

// callFor makes the call for the members, and tells all of them but the caller, who is the first.
func (g *together[T, R]) callFor(id string, members []*member[T, R]) {
	items := make([]T, len(members))
	for i, m := range members {
		items[i] = m.item
	}
	var replies []R
	err := guarded(func() (err error) { // the others wait for it
		replies, err = g.do(id, items)
		return err
	})
	for i, m := range members {
		if m.err = err; err == nil {
			m.reply = replies[i]
		}
		if i > 0 {
			close(m.turn)
		}
	}
}

// next hands those that came meanwhile to the first of them.
func (g *together[T, R]) next(id string, c *crew[T, R]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(c.waiting) == 0 {
		c.busy = false
		g.forget(id, c)
		return
	}
	members := c.take()
	members[0].turn <- members
}
