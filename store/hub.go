package store

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"gather/internal/hints"
)

// hub tells local vigils and followers that an aggregation has changed. All of them
// share one subscription. A hint may come for nothing, and may get lost with a connection:
// after every new subscription all waiters are told to read again.
type hub struct {
	rdb  redis.UniversalClient
	stop context.CancelFunc
	ctx  context.Context

	mu       sync.Mutex
	done     chan struct{} // closed when the listener has ended; nil before the first waiter
	watchers map[string]map[*watcher]struct{}
}

// watcher is one that is told. Its function is called without a lock, and may be
// called once more after the watch has ended. It gets what the hint says beside the
// id; "" where that is nothing.
type watcher struct{ hint func(news string) }

func newHub(rdb redis.UniversalClient) *hub {
	ctx, stop := context.WithCancel(context.Background())
	return &hub{rdb: rdb, ctx: ctx, stop: stop, watchers: make(map[string]map[*watcher]struct{})}
}

// watch returns a channel of hints about id, and a function that ends it. The channel
// holds one hint: many changes, one reading.
func (h *hub) watch(id string) (<-chan struct{}, func()) {
	news := make(chan struct{}, 1)
	return news, h.notify(id, func(string) {
		select {
		case news <- struct{}{}:
		default:
		}
	})
}

// notify has hint called at every hint about id, until the returned function is called.
func (h *hub) notify(id string, hint func(news string)) (forget func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.done == nil {
		h.done = make(chan struct{})
		go h.listen()
	}
	w := &watcher{hint}
	if h.watchers[id] == nil {
		h.watchers[id] = make(map[*watcher]struct{})
	}
	h.watchers[id][w] = struct{}{}
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.watchers[id], w)
		if len(h.watchers[id]) == 0 {
			delete(h.watchers, id)
		}
	}
}

func (h *hub) listen() {
	defer close(h.done)
	hints.Listen(h.ctx, h.rdb, changedChannel, h.hintAll, h.hint)
}

func (h *hub) hint(message string) {
	id, news, _ := strings.Cut(message, " ")
	h.mu.Lock()
	told := slices.Collect(maps.Keys(h.watchers[id]))
	h.mu.Unlock()
	for _, w := range told {
		w.hint(news)
	}
}

func (h *hub) hintAll() {
	h.mu.Lock()
	var told []*watcher
	for _, watchers := range h.watchers {
		told = slices.AppendSeq(told, maps.Keys(watchers))
	}
	h.mu.Unlock()
	for _, w := range told {
		w.hint("")
	}
}

func (h *hub) close() {
	h.stop()
	h.mu.Lock()
	done := h.done
	h.mu.Unlock()
	if done != nil {
		<-done
	}
}

// WatchClosed calls closed with the id of every aggregation that is canceled,
// deleted or past its deadline, until ctx ends. A message may get lost with a
// connection: then requests in flight end by their own timeouts.
func (s *Store) WatchClosed(ctx context.Context, closed func(id string)) {
	hints.Listen(ctx, s.rdb, closedChannel, func() {}, closed)
}
