package tasks

import (
	"errors"
	"time"
)

// askedWithin is how long asynq may take from one dequeue call to the next where it has room: a
// hold, and calls of Redis that run into their timeouts.
const askedWithin = 15 * time.Second

// Alive returns an error where the worker takes no tasks although it should: nothing but a
// restart can help it then.
func (s *Server) Alive() error {
	if s.intake.isClosed() || s.handling.Load() >= int64(s.slots.total+besideFetches) {
		return nil // it stops, or asynq has as many tasks as it may
	}
	if silent := time.Since(s.intake.askedAt()); silent > askedWithin {
		return errors.New("nothing has asked for tasks for " + silent.Round(time.Second).String())
	}
	return nil
}

// Stopping tells whether the worker takes no more tasks.
func (s *Server) Stopping() bool { return s.intake.isClosed() }
