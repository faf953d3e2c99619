package panics

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// recovered is the error of what do panics with.
func recovered(do func()) (err *Error) {
	defer func() { err = New(recover()) }()
	do()
	return nil
}

func TestNew(t *testing.T) {
	secrets := []string{"hunter2"}
	for want, do := range map[string]func(){
		"panic: a value of type string":              func() { panic("hunter2") },
		"panic: a value of type *errors.errorString": func() { panic(errors.New("hunter2")) },
		"panic: a value of type *fmt.wrapError":      func() { panic(fmt.Errorf("hunter2: %w", errors.ErrUnsupported)) },
		"index out of range [7] with length 1":       func() { _ = secrets[len(secrets)+6] },
		"interface conversion: interface {} is string, not int": func() {
			var v any = "hunter2"
			_ = v.(int) //nolint:forcetypeassert // it is what panics
		},
	} {
		err := recovered(do)
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Error("failed", "error", err)
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("error %q, want %q on one line", err, want)
		}
		if line := log.String(); !strings.Contains(line, want) || !strings.Contains(line, "panics_test.go") || strings.Contains(line, "hunter2") {
			t.Errorf("log %s: want %q, the place, and no value", line, want)
		}
	}
}
