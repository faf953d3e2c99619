// Package panics makes errors of panics. They tell what happened and where, and never
// the value that a panic came with: it may hold a part of what a client sent, and
// errors end up in logs and with tasks in the queue.
package panics

import (
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
)

// Error is a panic. A log is told the stack, too, which holds addresses alone.
type Error struct {
	what  string
	stack []byte
}

// New makes an error of what recover returned. It is called where the panic is
// recovered, while its stack is there.
func New(value any) *Error {
	return &Error{what(value), debug.Stack()}
}

// what the runtime says is made of types and numbers; all else may say anything.
func what(value any) string {
	if known, ok := value.(runtime.Error); ok {
		return known.Error()
	}
	return fmt.Sprintf("a value of type %T", value)
}

// Error is what happened, on one line.
func (e *Error) Error() string { return "panic: " + e.what }

// LogValue adds where it happened.
func (e *Error) LogValue() slog.Value {
	return slog.StringValue(e.Error() + "\n" + string(e.stack))
}
