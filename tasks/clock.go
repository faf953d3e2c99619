package tasks

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// clockTolerance is how much the clocks of two machines differ that keep the same time.
const clockTolerance = 50 * time.Millisecond

// clock tells the time of the store. asynq writes due times and leases by the clock of its own
// process, and compares them with that of another: where one is half a minute off, attempts
// would come that much early, and tasks of workers that live be taken for lost. So the
// scripts that asynq calls get the store's time instead. A nil clock changes nothing.
type clock struct {
	mu sync.Mutex
	// ahead is how much the store's clock shows more than ours.
	ahead time.Duration
}

// hear notes what the store's clock has shown at some time between two of our own readings.
func (c *clock) hear(store, from, to time.Time) {
	// The monotonic clock knows nothing of one that was set.
	most, least := store.Sub(from.Round(0)), store.Sub(to.Round(0))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ahead < least || c.ahead > most {
		c.ahead = (least + most) / 2
	}
}

// now is the store's time.
func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Round(0).Add(c.ahead)
}

// seconds is how much the store's clock shows more, rounded up: what is due by it is never due
// early, as far as the tolerance lets tell.
func (c *clock) seconds() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	ahead := c.ahead - clockTolerance
	whole := ahead.Truncate(time.Second)
	if ahead > whole {
		whole += time.Second
	}
	return int64(whole / time.Second)
}

// correct returns the arguments of one of asynq's scripts, known by its keys, with the
// store's time in place of ours.
func (c *clock) correct(keys []string, args []any) []any {
	if c == nil {
		return args
	}
	of := func(i int, what string) bool { return i < len(keys) && strings.HasSuffix(keys[i], ":"+what) }
	switch {
	case len(keys) == 2 && of(1, "pending") && (of(0, "retry") || of(0, "scheduled")): // what is due now?
		now := c.now()
		return replaced(replaced(args, 0, func(int64) int64 { return now.Unix() }), 2, func(int64) int64 { return now.UnixNano() })
	case of(0, "pending") && of(1, "paused"), // the lease of a task that is taken
		len(keys) == 1 && of(0, "lease"): // which leases are over?
		return replaced(args, 0, c.shifted)
	case len(keys) == 2 && of(1, "scheduled"):
		return replaced(args, 1, c.shifted)
	case of(2, "lease") && of(3, "retry"):
		return replaced(args, 2, c.shifted)
	}
	return args
}

func (c *clock) shifted(seconds int64) int64 { return seconds + c.seconds() }

// replaced returns the arguments with one changed, if it is a time. Those given stay: asynq may
// call once more with them.
func replaced(args []any, i int, change func(int64) int64) []any {
	if i >= len(args) {
		return args
	}
	at, isTime := args[i].(int64)
	if !isTime {
		return args
	}
	args = slices.Clone(args)
	args[i] = change(at)
	return args
}
