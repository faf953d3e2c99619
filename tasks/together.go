package tasks

import "sync"

// mostTogether bounds what goes into one call.
const mostTogether = 256

// together makes one call of many that concern the same aggregation and come while
// another is under way. A call that comes alone is made at once, so that nobody
// waits but for the call before.
type together[T, R any] struct {
	// do makes the call for items of one aggregation, and returns a reply to each.
	do func(id string, items []T) ([]R, error)

	mu      sync.Mutex
	waiting map[string][]*member[T, R] // there for each aggregation that has a call under way
}

// member is one of those that call together.
type member[T, R any] struct {
	item  T
	reply R
	err   error
	turn  chan []*member[T, R] // closed when reply is there; else brings those to call for
}

func newTogether[T, R any](do func(id string, items []T) ([]R, error)) *together[T, R] {
	return &together[T, R]{do: do, waiting: make(map[string][]*member[T, R])}
}

// call returns the reply to the item, of a call made by this goroutine or another.
func (g *together[T, R]) call(id string, item T) (R, error) {
	m := &member[T, R]{item: item, turn: make(chan []*member[T, R], 1)}
	crew := []*member[T, R]{m}
	g.mu.Lock()
	waiting, busy := g.waiting[id]
	if busy {
		g.waiting[id] = append(waiting, m)
	} else {
		g.waiting[id] = nil
	}
	g.mu.Unlock()
	if busy {
		if crew = <-m.turn; crew == nil {
			return m.reply, m.err
		}
	}
	g.callFor(id, crew)
	g.next(id)
	return m.reply, m.err
}

// callFor makes the call for the crew, and tells all of them but the first, who is the caller.
func (g *together[T, R]) callFor(id string, crew []*member[T, R]) {
	items := make([]T, len(crew))
	for i, m := range crew {
		items[i] = m.item
	}
	var replies []R
	err := guarded(func() (err error) { // the others wait for it
		replies, err = g.do(id, items)
		return err
	})
	for i, m := range crew {
		if m.err = err; err == nil {
			m.reply = replies[i]
		}
		if i > 0 {
			close(m.turn)
		}
	}
}

// next hands those that came meanwhile to the first of them.
func (g *together[T, R]) next(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	waiting := g.waiting[id]
	if len(waiting) == 0 {
		delete(g.waiting, id)
		return
	}
	crew := waiting[:min(len(waiting), mostTogether)]
	g.waiting[id] = waiting[len(crew):]
	crew[0].turn <- crew
}
