package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"gather"
	"gather/client"
)

// follower follows one aggregation to its end.
type follower struct {
	*session
	link     *link
	shown    *shown
	progress progress
	agg      *gather.Aggregation // as it stood last
	canceled bool                // by who follows it
}

// follow shows an aggregation as it goes, and what has come of it.
func (s *session) follow(l *link, agg *gather.Aggregation, v *shown) error {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	f := &follower{session: s, link: l, shown: v, agg: agg}
	if s.ctx.Err() != nil { // it came before there was an aggregation to tell of
		return f.leave()
	}
	// From here on a signal is a question of its own.
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.ctx))
	defer cancel()
	f.progress = s.progress(agg.Counts, v)
	err := f.untilDone(ctx, signals)
	f.progress.stop()
	if err != nil {
		return err
	}
	return f.finish(ctx, signals)
}

// told is one step of a sequence.
type told struct {
	event client.Event
	err   error
}

// untilDone takes events and signals as they come, until the aggregation has finished.
func (f *follower) untilDone(ctx context.Context, signals <-chan os.Signal) error {
	notes := make(chan string, 1)
	defer f.link.tell(func(note string) {
		select {
		case notes <- note:
		default: // one is enough
		}
	})()
	ctx, cancel := context.WithCancel(ctx)
	events := f.events(ctx)
	defer func() {
		cancel()
		for range events { // it ends with ctx
		}
	}()
	for {
		select {
		case t := <-events:
			if done, err := f.take(t); done || err != nil {
				return err
			}
		case note := <-notes:
			f.progress.note(note)
		case sig := <-signals:
			if err := f.interrupted(ctx, sig, signals); err != nil {
				return err
			}
		}
	}
}

// events yields events into a channel, until ctx ends.
func (f *follower) events(ctx context.Context) <-chan told {
	events := make(chan told)
	go func() {
		defer close(events)
		for event, err := range f.link.Events(ctx, f.agg.ID) {
			select {
			case events <- told{event, err}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return events
}

// take takes one event.
func (f *follower) take(t told) (done bool, err error) {
	switch ev := t.event; {
	case t.err != nil:
		return false, f.lost(t.err)
	case ev.Done != nil:
		f.agg = ev.Done
		return true, nil
	case ev.Result != nil:
		return false, f.shown.add(ev.Result)
	case ev.Progress != nil:
		f.agg.Counts = *ev.Progress
		f.progress.counts(*ev.Progress)
	}
	return false, nil
}

// lost tells that the server is gone. What it has accepted goes on.
func (f *follower) lost(err error) error {
	var p *client.Problem
	if !f.link.embedded && !errors.As(err, &p) {
		f.progress.note("what was accepted goes on; come back with: " + f.comeBack())
	}
	return err
}

// finish shows what has come of it, until a signal.
func (f *follower) finish(ctx context.Context, signals <-chan os.Signal) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-signals:
			cancel()
		case <-ctx.Done():
		}
	}()
	if err := f.shown.finish(f.agg, f.link.Results(ctx, f.agg.ID)); err != nil {
		if ctx.Err() != nil {
			return f.leave()
		}
		return err
	}
	return f.conclude(f.agg, f.shown, f.link.embedded)
}

// conclude sums up what was shown.
func (s *session) conclude(agg *gather.Aggregation, v *shown, embedded bool) error {
	if !v.quiet {
		s.say("%s", summary(agg))
	}
	if !v.quiet || v.folder != nil { // a file does not say itself that it is cut
		v.hints.tell(s, embedded)
	}
	return outcome(agg)
}

// outcome turns how an aggregation has ended into the command's end.
func outcome(agg *gather.Aggregation) error {
	if agg.Status.Finished() && agg.Status != gather.StatusSucceeded {
		return errSomeFailed
	}
	return nil
}

// summary is how an aggregation stands, on one line.
func summary(agg *gather.Aggregation) string {
	text := agg.ID + " " + string(agg.Status)
	if agg.Reason != "" {
		text += " (" + agg.Reason + ")"
	}
	return text + ": " + standing(agg.Counts) + " in " + milliseconds(agg.ElapsedMS)
}
