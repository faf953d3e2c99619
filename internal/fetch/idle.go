package fetch

import (
	"container/list"
	"sync"
	"time"
)

// idleConns are the connections of a cleartext that no request uses. Nobody reads them,
// so that they are looked over every so often: a server may have closed them.
type idleConns struct {
	perHost, most int           // how many are kept
	timeout       time.Duration // for how long, and until the next sweep

	mu     sync.Mutex
	all    list.List             // of *wire, the one that is idle the longest in front
	byHost map[string]*list.List // the same by host:port; no list is empty
	timer  *time.Timer           // of the next sweep; nil where there is nothing to sweep
	closed bool
}

// sweepInterval is how often idle connections are looked over, or up to ten times less often
// where that takes more than a fiftieth of the time. What a server sends unasked fills no more
// than the system's buffers until then.
const sweepInterval = time.Second

// idling is where a wire is while it is idle.
type idling struct {
	since          time.Time     // of the wall clock, as a machine may sleep
	inAll, inHosts *list.Element // nil while it is not
}

func newIdleConns(perHost, most int, timeout time.Duration) *idleConns {
	return &idleConns{perHost: perHost, most: most, timeout: timeout, byHost: make(map[string]*list.List)}
}

// take returns the connection to host:port that was used last, nil where there is none
// that may be used again.
func (i *idleConns) take(hostPort string) *wire {
	for {
		w, since := i.last(hostPort)
		if w == nil || time.Since(since) < i.timeout && w.isQuiet() {
			return w
		}
		_ = w.Close()
	}
}

func (i *idleConns) last(hostPort string) (w *wire, since time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	wires := i.byHost[hostPort]
	if wires == nil {
		return nil, time.Time{}
	}
	w = wires.Back().Value.(*wire)
	since = w.idling.since
	i.remove(w)
	return w, since
}

// put keeps a connection, or closes it where there are enough to its host. Where there
// are enough in all, the one that is idle the longest makes room.
func (i *idleConns) put(w *wire) {
	if surplus := i.add(w); surplus != nil {
		_ = surplus.Close()
	}
}

func (i *idleConns) add(w *wire) (surplus *wire) {
	i.mu.Lock()
	defer i.mu.Unlock()
	wires := i.byHost[w.hostPort]
	if i.closed || wires != nil && wires.Len() >= i.perHost {
		return w
	}
	if i.all.Len() >= i.most {
		surplus = i.all.Front().Value.(*wire)
		i.remove(surplus)
		wires = i.byHost[w.hostPort]
	}
	if wires == nil {
		wires = list.New()
		i.byHost[w.hostPort] = wires
	}
	w.idling = idling{since: time.Now().Round(0), inAll: i.all.PushBack(w), inHosts: wires.PushBack(w)}
	if i.timer == nil {
		i.timer = time.AfterFunc(sweepInterval, i.sweep)
	}
	return surplus
}

// remove must be called with mu held.
func (i *idleConns) remove(w *wire) {
	i.all.Remove(w.idling.inAll)
	wires := i.byHost[w.hostPort]
	wires.Remove(w.idling.inHosts)
	if wires.Len() == 0 {
		delete(i.byHost, w.hostPort)
	}
	w.idling = idling{}
}

// sweep closes the connections that have been idle for too long, and those over which
// something has come, mostly their end. It comes again if any are left.
func (i *idleConns) sweep() {
	begun := time.Now()
	for _, e := range i.elements() {
		i.dropUnfit(e, e.Value.(*wire).isQuiet())
	}
	pause := min(max(sweepInterval, 50*time.Since(begun)), 10*sweepInterval)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.timer = nil
	if !i.closed && i.all.Len() > 0 {
		i.timer = time.AfterFunc(pause, i.sweep)
	}
}

// elements are those of all.
func (i *idleConns) elements() []*list.Element {
	i.mu.Lock()
	defer i.mu.Unlock()
	elements := make([]*list.Element, 0, i.all.Len())
	for e := i.all.Front(); e != nil; e = e.Next() {
		elements = append(elements, e)
	}
	return elements
}

// dropUnfit closes the connection of an element of all unless it is quiet and its time is
// not over, or it has been taken since.
func (i *idleConns) dropUnfit(e *list.Element, quiet bool) {
	if w := e.Value.(*wire); i.removeUnfit(w, e, quiet) {
		_ = w.Close()
	}
}

func (i *idleConns) removeUnfit(w *wire, e *list.Element, quiet bool) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if w.idling.inAll != e || quiet && time.Since(w.idling.since) < i.timeout {
		return false
	}
	i.remove(w)
	return true
}

// close closes all of them, and those that become idle from now on.
func (i *idleConns) close() {
	i.shut()
	for _, e := range i.elements() {
		i.dropUnfit(e, false)
	}
}

func (i *idleConns) shut() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.closed = true
	if i.timer != nil {
		i.timer.Stop()
	}
}
