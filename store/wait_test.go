package store

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"gather"
)

// vigilTest is a store on an embedded Redis, whose readings by vigils a test can hold up.
type vigilTest struct {
	*testing.T
	passOn

	s *Store

	mu       sync.Mutex
	readings int
	// read gets a word once a reading has its reply, and hold is waited for then; nil: neither.
	read, hold chan struct{}
}

// newVigilTest polls so rarely, that nothing happens but by hints.
func newVigilTest(t *testing.T) *vigilTest {
	rdb := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	v := &vigilTest{T: t, s: NewWith(rdb, Timing{Poll: time.Hour, Patience: time.Millisecond})}
	t.Cleanup(func() { _ = rdb.Close() })
	t.Cleanup(v.s.Close)
	rdb.AddHook(v)
	return v
}

func (v *vigilTest) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if args := cmd.Args(); cmd.Name() != "evalsha" || args[1] != readScript.Hash() || args[len(args)-1] != ofFinished || err != nil && redis.HasErrorPrefix(err, "NOSCRIPT") {
			return err
		}
		v.mu.Lock()
		v.readings++
		read, hold := v.read, v.hold
		v.mu.Unlock()
		if hold != nil {
			read <- struct{}{}
			<-hold
		}
		return err
	}
}

// create makes an aggregation of one item, and has Redis know the scripts.
func (v *vigilTest) create() string {
	v.Helper()
	agg, _, err := v.s.Create(v.Context(), &gather.Creation{Spec: &gather.Spec{URLs: []string{"https://example.com/"}}})
	if err != nil {
		v.Fatal(err)
	}
	if _, err := v.s.Read(v.Context(), agg.ID); err != nil {
		v.Fatal(err)
	}
	return agg.ID
}

func (v *vigilTest) cancel(id string) {
	v.Helper()
	if _, err := v.s.Cancel(v.Context(), id); err != nil {
		v.Fatal(err)
	}
}

type outcome struct {
	reading *gather.Reading
	err     error
}

// wait starts a wait and returns once it is counted.
func (v *vigilTest) wait(ctx context.Context, id string) <-chan outcome {
	v.Helper()
	before := v.waiting(id)
	ended := make(chan outcome, 1)
	go func() {
		reading, err := v.s.Wait(ctx, id, time.Hour, nil)
		ended <- outcome{reading, err}
	}()
	v.eventually("it waits", func() bool { return v.waiting(id) > before })
	return ended
}

func (v *vigilTest) waiting(id string) int {
	v.s.waits.mu.Lock()
	defer v.s.waits.mu.Unlock()
	if vigil := v.s.waits.of[id]; vigil != nil {
		return vigil.waiters
	}
	return 0
}

// isRead reports whether a reading is under way.
func (v *vigilTest) isRead(id string) bool {
	v.s.waits.mu.Lock()
	defer v.s.waits.mu.Unlock()
	vigil := v.s.waits.of[id]
	return vigil != nil && vigil.reading
}

func (v *vigilTest) count() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.readings
}

func (v *vigilTest) eventually(what string, yes func() bool) {
	v.Helper()
	for end := time.Now().Add(time.Minute); !yes(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			v.Fatalf("it never came that %s", what)
		}
	}
}

// holdReadings has every reading from now on wait behind its reply, until let go.
func (v *vigilTest) holdReadings() (read <-chan struct{}, letGo func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.read, v.hold = make(chan struct{}, 100), make(chan struct{})
	hold := v.hold
	return v.read, func() {
		v.mu.Lock()
		v.hold = nil
		v.mu.Unlock()
		close(hold)
	}
}

func (v *vigilTest) want(ended <-chan outcome, status gather.Status) *gather.Reading {
	v.Helper()
	o := <-ended
	if o.err != nil || o.reading.Status != status {
		v.Fatalf("%+v, %v; want %s", o.reading, o.err, status)
	}
	return o.reading
}

func TestStore_Wait_together(t *testing.T) {
	t.Run("all get one reading, with its results", func(t *testing.T) {
		v := newVigilTest(t)
		id := v.create()
		var waiters []<-chan outcome
		for range 50 {
			waiters = append(waiters, v.wait(t.Context(), id))
		}
		// One under way may find the end, and is too early for who came during it.
		v.eventually("nothing is read", func() bool { return !v.isRead(id) })
		v.cancel(id)
		first := v.want(waiters[0], gather.StatusCanceled)
		for _, w := range waiters[1:] {
			if r := v.want(w, gather.StatusCanceled); r.Aggregation != first.Aggregation {
				t.Error("another reading")
			}
		}
		lines := 0
		before := v.count()
		for line, err := range first.Lines(t.Context()) {
			if lines++; err != nil || line == "" {
				t.Errorf("%q, %v", line, err)
			}
		}
		if lines != 1 || v.count() != before {
			t.Errorf("%d lines, %d more readings", lines, v.count()-before)
		}
	})
	t.Run("a hint is one reading, however many wait", func(t *testing.T) {
		v := newVigilTest(t)
		id := v.create()
		for range 50 {
			v.wait(t.Context(), id)
		}
		read, letGo := v.holdReadings()
		v.s.hub.hint(id)
		<-read // the one under way, or the first after it: what comes now is one more
		before := v.count()
		for range 50 {
			v.s.hub.hint(id)
		}
		letGo()
		v.eventually("it has read again", func() bool { return v.count() > before })
		v.cancel(id)
		v.eventually("it has ended", func() bool { return v.waiting(id) == 0 })
		if n := v.count() - before; n > 4 { // coming, hints, subscription and the end, each one at most
			t.Errorf("%d readings", n)
		}
	})
	t.Run("who comes during a reading gets a later one", func(t *testing.T) {
		v := newVigilTest(t)
		id := v.create()
		v.cancel(id)
		read, letGo := v.holdReadings()
		early := v.wait(t.Context(), id)
		<-read // it has found that it has finished
		if _, err := v.s.Retry(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		late := v.wait(t.Context(), id)
		letGo()
		v.want(early, gather.StatusCanceled)
		v.eventually("the late one waits for the retry", func() bool { return v.waiting(id) == 1 })
		v.cancel(id)
		if r := v.want(late, gather.StatusCanceled); r.Retries != 1 {
			t.Errorf("retries %d", r.Retries)
		}
	})
	t.Run("what finishes before the first reading is found", func(t *testing.T) {
		v := newVigilTest(t)
		id := v.create()
		v.cancel(id)
		v.want(v.waitAny(id), gather.StatusCanceled)
	})
	t.Run("who leaves gets the state, and the others wait on", func(t *testing.T) {
		v := newVigilTest(t)
		id := v.create()
		ctx, leave := context.WithCancel(t.Context())
		leaves, stays := v.wait(ctx, id), v.wait(t.Context(), id)
		leave()
		v.want(leaves, gather.StatusQueued)
		over := make(chan struct{})
		close(over)
		if r, err := v.s.Wait(t.Context(), id, time.Hour, over); err != nil || r.Status != gather.StatusQueued {
			t.Errorf("%+v, %v", r, err)
		}
		v.cancel(id)
		v.want(stays, gather.StatusCanceled)
	})
	t.Run("the last one's leaving ends it", func(t *testing.T) {
		v := newVigilTest(t)
		id := v.create()
		ctx, leave := context.WithCancel(t.Context())
		one, two := v.wait(ctx, id), v.wait(ctx, id)
		leave()
		v.want(one, gather.StatusQueued)
		v.want(two, gather.StatusQueued)
		v.s.waits.readings.Wait()
		v.s.hub.mu.Lock()
		defer v.s.hub.mu.Unlock()
		if len(v.s.waits.of) != 0 || len(v.s.hub.watchers) != 0 {
			t.Errorf("left: %v, %v", v.s.waits.of, v.s.hub.watchers)
		}
	})
	t.Run("Close ends it, and waits begin no more", func(t *testing.T) {
		v := newVigilTest(t)
		id := v.create()
		waiters := []<-chan outcome{v.wait(t.Context(), id), v.wait(t.Context(), id)}
		v.s.Close()
		for _, w := range append(waiters, v.waitAny(id)) {
			v.want(w, gather.StatusQueued)
		}
	})
	t.Run("an outage is everyone's", func(t *testing.T) {
		v := newVigilTest(t)
		id := v.create()
		waiters := []<-chan outcome{v.wait(t.Context(), id), v.wait(t.Context(), id)}
		if err := v.s.rdb.Close(); err != nil {
			t.Fatal(err)
		}
		v.s.hub.hint(id)
		for _, w := range waiters {
			if o := <-w; o.err == nil {
				t.Errorf("%+v", o.reading)
			}
		}
	})
}

// waitAny starts a wait that may end at once.
func (v *vigilTest) waitAny(id string) <-chan outcome {
	ended := make(chan outcome, 1)
	go func() {
		reading, err := v.s.Wait(v.Context(), id, time.Hour, nil)
		ended <- outcome{reading, err}
	}()
	return ended
}

// A late message of an end that a retry has undone is for the creator alone, who has learned of none before.
func TestStore_wait_isNotAnsweredByAnEndThatWasUndone(t *testing.T) {
	v := newVigilTest(t)
	v.create() // so that the scripts are known
	_, forget := v.s.hub.watch("x")
	defer forget()
	agg, _, err := v.s.Create(t.Context(), &gather.Creation{Spec: &gather.Spec{URLs: []string{"https://example.com/"}}, Waits: true})
	if err != nil {
		t.Fatal(err)
	}
	creator := make(chan outcome, 1)
	go func() {
		r, err := v.s.WaitCreated(t.Context(), agg.ID, time.Hour, nil)
		creator <- outcome{r, err}
	}()
	v.eventually("the creator waits", func() bool { return v.waiting(agg.ID) == 1 })
	v.mu.Lock()
	v.read, v.hold = make(chan struct{}, 100), make(chan struct{})
	v.mu.Unlock()
	v.s.hub.hint(agg.ID) // as a poll does
	<-v.read             // an older reading, under way
	other := v.wait(t.Context(), agg.ID)
	v.eventually("the other waits", func() bool { return v.waiting(agg.ID) == 2 })
	v.s.hub.hint(agg.ID)
	v.hold <- struct{}{}
	<-v.read // a reading that began after the other came
	v.s.hub.hint(agg.ID + " failed 1 2 3 4 0 1 0\nundone")
	if o := <-creator; o.err != nil || o.reading.Status != gather.StatusFailed {
		t.Errorf("the creator: %+v, %v", o.reading, o.err)
	}
	close(v.hold)
	v.cancel(agg.ID)
	v.s.hub.hint(agg.ID)
	if o := <-other; o.err != nil || o.reading.Status != gather.StatusCanceled {
		t.Errorf("the other: %+v, %v", o.reading, o.err)
	}
}
