package httpapi

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"gather"
)

// errBusy refuses to hold one more client.
var errBusy = errors.New("no place is left in this process")

// places bounds how many clients this process holds at the same time, in a wait or in a
// stream. Of several owners none gets more than half of them.
type places struct {
	what string // that they are for, for people
	most int

	mu    sync.Mutex
	taken int
	of    map[string]int // how many each owner has
}

func newPlaces(what string, most int) *places {
	return &places{what: what, most: most, of: make(map[string]int)}
}

// take takes one until leave is called, or returns errBusy.
func (p *places) take(ctx context.Context, shared bool) (leave func(), err error) {
	owner, bound := gather.OwnerOf(ctx), p.most
	if shared {
		bound = (p.most + 1) / 2
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.taken >= p.most:
		return nil, &explained{errBusy, fmt.Sprintf("this process holds %d %s, as many as it may; try again in a moment", p.most, p.what)}
	case p.of[owner] >= bound:
		return nil, &explained{errBusy, fmt.Sprintf("this process holds %d %s for %s, half of all that it may; try again in a moment", bound, p.what, ownerLabel(ctx))}
	}
	p.taken++
	p.of[owner]++
	return func() { p.leave(owner) }, nil
}

// count is how many are taken.
func (p *places) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken
}

func (p *places) leave(owner string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
	if p.of[owner]--; p.of[owner] == 0 {
		delete(p.of, owner)
	}
}

// shared reports whether there are several owners, who have to leave each other room.
func (a *API) shared() bool { return a.opt.Keys != nil && a.opt.Keys.Owners() > 1 }
