package store

import (
	"context"
	"errors"
	"sync"
	"time"

	"gather"
)

// Wait returns the aggregation with its results when it has finished, or as it stands
// after so long, or when ctx ends or over is closed, which may be nil. It returns
// ErrNotFound as soon as there is none.
func (s *Store) Wait(ctx context.Context, id string, atMost time.Duration, over <-chan struct{}) (*gather.Reading, error) {
	return s.wait(ctx, id, false, atMost, over)
}

// WaitCreated is Wait for the one who has created the aggregation. It may be answered with the
// message of its end, without a reading.
func (s *Store) WaitCreated(ctx context.Context, id string, atMost time.Duration, over <-chan struct{}) (*gather.Reading, error) {
	return s.wait(ctx, id, true, atMost, over)
}

func (s *Store) wait(ctx context.Context, id string, created bool, atMost time.Duration, over <-chan struct{}) (*gather.Reading, error) {
	if !validID(id) {
		return nil, gather.ErrNotFound
	}
	timer := time.NewTimer(atMost)
	defer timer.Stop()
	for {
		v, wanted := s.join(id, created)
		if !s.shows(ctx, v) {
			s.leave(id, v)
			return nil, gather.ErrNotFound
		}
		select {
		case <-v.ended:
			s.leave(id, v)
			if v.endedBy < wanted {
				continue
			}
			switch {
			case v.err != nil:
				return nil, v.err
			case !visible(ctx, v.last.Aggregation):
				return nil, gather.ErrNotFound
			}
			return s.reading(v.last), nil
		case <-timer.C:
		case <-over:
		case <-ctx.Done():
		case <-s.hub.ctx.Done():
		}
		s.leave(id, v)
		// The end of the wait must not cut off the reading that answers it.
		return s.Read(context.WithoutCancel(ctx), id)
	}
}

// shows waits for the first reading, which tells whose the aggregation is, and reports
// whether who asks may wait for it. It is the same reading for all.
func (s *Store) shows(ctx context.Context, v *vigil) bool {
	if gather.OwnerOf(ctx) == "" {
		return true
	}
	select {
	case <-v.known:
		return v.seen == nil || visible(ctx, v.seen)
	case <-ctx.Done():
	case <-s.hub.ctx.Done():
	}
	return true // what is read at the end is looked at again
}

// waits are the vigils of this process, one for each aggregation that is waited for.
// However many wait for it, it is read once for all of them.
type waits struct {
	mu       sync.Mutex
	of       map[string]*vigil
	closed   bool           // nothing is read any more
	readings sync.WaitGroup // the goroutines that read
}

// vigil lasts from the first waiter's coming to the end that it reads, or to the last
// one's leaving. It has a goroutine only while it reads: many may wait each for their
// own. All of it is guarded by waits.mu, the outcome until ended is closed.
type vigil struct {
	waiters int
	fresh   bool                // nothing has happened since the aggregation was made
	made    *gather.Aggregation // as it was created here; nil if it was not
	forget  func()              // ends the hints
	poll    *time.Timer         // makes up for lost hints; nil before the first reading
	reading bool                // one is under way
	again   bool                // and another one is asked for
	over    bool

	// readings counts those that have begun. Whoever comes is answered by one that
	// begins afterwards: what an older one found may be over since, by a retry. That is
	// nothing to its creator, who has not learned of an end before.
	readings int
	// known is closed after the first of them; seen is the aggregation then, nil if that failed.
	known chan struct{}
	seen  *gather.Aggregation
	// found is when a reading last found Redis.
	found time.Time
	// ended is closed with the outcome of the last reading, whose number is endedBy; 0 is a
	// message of the end, which no reading has begun for: it is for the creator alone.
	ended   chan struct{}
	endedBy int
	last    *readPart
	err     error
}

// join has the caller be one of those who wait, and tells from which reading on it
// may take the outcome. Everyone who joins leaves.
func (s *Store) join(id string, created bool) (v *vigil, wanted int) {
	s.waits.mu.Lock()
	defer s.waits.mu.Unlock()
	v = s.waits.of[id]
	if v == nil {
		v = s.begin(id)
	}
	v.waiters++
	if !created || v.made == nil {
		wanted = v.readings + 1
	}
	if !v.fresh {
		s.ask(id, v)
	}
	return v, wanted
}

// begin begins a vigil. The caller holds the lock.
func (s *Store) begin(id string) *vigil {
	v := &vigil{known: make(chan struct{}), ended: make(chan struct{})}
	v.forget = s.hub.notify(id, func(news string) { s.hinted(id, v, news) })
	s.waits.of[id] = v
	return v
}

// prepare begins the vigil of an aggregation that was just made, before anything can
// happen to it: who comes to wait for it need not read it first. If nobody comes until
// the first poll, it ends.
func (s *Store) prepare(agg *gather.Aggregation) {
	s.waits.mu.Lock()
	defer s.waits.mu.Unlock()
	id := agg.ID
	if s.waits.closed || s.waits.of[id] != nil {
		return
	}
	v := s.begin(id)
	v.fresh, v.made, v.seen, v.found = true, agg, agg, time.Now()
	close(v.known)
	v.poll = time.AfterFunc(s.timing.Poll, func() { s.hinted(id, v, "") })
}

func (s *Store) leave(id string, v *vigil) {
	s.waits.mu.Lock()
	defer s.waits.mu.Unlock()
	if v.waiters--; v.waiters == 0 && !v.over {
		s.drop(id, v)
	}
}

// drop ends the vigil; the next one who comes begins another. The caller holds the lock.
func (s *Store) drop(id string, v *vigil) {
	v.over = true
	v.forget()
	if v.poll != nil {
		v.poll.Stop()
	}
	delete(s.waits.of, id)
}

// hinted is told that there may be news, or which.
func (s *Store) hinted(id string, v *vigil, news string) {
	s.waits.mu.Lock()
	defer s.waits.mu.Unlock()
	if last := answer(v.made, news); last != nil && !v.over {
		s.end(id, v, 0, last, nil)
		return
	}
	v.fresh = false
	if v.waiters == 0 && !v.over {
		s.drop(id, v)
	}
	s.ask(id, v)
}

// ask has a reading begin, or another one after that under way. The caller holds the lock.
func (s *Store) ask(id string, v *vigil) {
	switch {
	case v.over || s.waits.closed:
	case v.reading:
		v.again = true
	default:
		v.reading = true
		s.waits.readings.Go(func() { s.readFor(id, v) })
	}
}

// readFor reads, and again as long as it is asked to meanwhile.
func (s *Store) readFor(id string, v *vigil) {
	for s.beginReading(v) {
		last, err := s.readSurely(s.hub.ctx, id)
		if !s.endReading(id, v, last, err) {
			return
		}
	}
}

func (s *Store) beginReading(v *vigil) bool {
	s.waits.mu.Lock()
	defer s.waits.mu.Unlock()
	v.readings++
	v.again = false
	return !v.over
}

// endReading reports whether to read again.
func (s *Store) endReading(id string, v *vigil, last *readPart, err error) (again bool) {
	s.waits.mu.Lock()
	defer s.waits.mu.Unlock()
	if v.readings == 1 && v.seen == nil {
		if last != nil {
			v.seen = last.Aggregation
		}
		close(v.known)
	}
	if err == nil {
		v.found = time.Now()
	}
	next := s.timing.Poll
	switch {
	case v.over || s.hub.ctx.Err() != nil: // nobody is left, or all are told by the hub
		return false
	case errors.Is(err, gather.ErrUnavailable) && time.Since(v.found) < s.timing.Patience:
		next = min(next, outagePause) // those who wait have time
	case err != nil || last.Status.Finished():
		s.end(id, v, v.readings, last, err)
		return false
	case v.again:
		return true
	}
	v.reading = false
	if v.poll == nil {
		v.poll = time.AfterFunc(next, func() { s.hinted(id, v, "") })
	} else {
		v.poll.Reset(next)
	}
	return false
}

// end ends the vigil with its outcome, and by which reading; 0 is a message. The caller holds the lock.
func (s *Store) end(id string, v *vigil, by int, last *readPart, err error) {
	s.drop(id, v)
	v.endedBy, v.last, v.err = by, last, err
	close(v.ended)
}

// endReadings returns when nothing is read any more. The hub is closed before.
func (s *Store) endReadings() {
	s.waits.mu.Lock()
	s.waits.closed = true
	s.waits.mu.Unlock()
	s.waits.readings.Wait()
}

const (
	// blink is how long Redis may be away before those who begin to wait are told so: a
	// restart closes its connections, and that is a hint to read again.
	blink      = 500 * time.Millisecond
	blinkPause = 50 * time.Millisecond
	// outagePause is how often those who have waited already try again during an outage.
	outagePause = 250 * time.Millisecond
)

// readSurely reads, and again for a while where Redis is out of reach.
func (s *Store) readSurely(ctx context.Context, id string) (*readPart, error) {
	for start := time.Now(); ; {
		last, err := s.readPart(ctx, id, 0, ofFinished)
		if !errors.Is(err, gather.ErrUnavailable) || time.Since(start) > blink {
			return last, err
		}
		select {
		case <-time.After(blinkPause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
