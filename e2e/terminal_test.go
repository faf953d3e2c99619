package e2e

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// terminal is a command with somebody in front of it.
type terminal struct {
	cmd    *exec.Cmd
	file   *os.File
	output output
	read   int // how much of the output has been looked at
	done   chan struct{}
}

// startTerminal starts a command at a terminal of 100 columns, for the length of the test.
func startTerminal(tb testing.TB, cmd *exec.Cmd, env ...string) *terminal {
	tb.Helper()
	cmd.Env = env
	file, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 30, Cols: 100})
	if err != nil {
		tb.Fatal(err)
	}
	term := &terminal{cmd: cmd, file: file, done: make(chan struct{})}
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		_, _ = io.Copy(&term.output, file) // it ends with the command
	}()
	go func() {
		defer close(term.done)
		_ = cmd.Wait()
		<-copied
	}()
	tb.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-term.done
		_ = file.Close()
		if tb.Failed() {
			tb.Logf("%v showed:\n%s", cmd.Args, term.output.tail())
		}
	})
	return term
}

func (t *terminal) types(tb testing.TB, keys string) {
	tb.Helper()
	if _, err := io.WriteString(t.file, keys); err != nil {
		tb.Fatal(err)
	}
}

// says waits until the command shows a text, after what was waited for before.
func (t *terminal) says(tb testing.TB, text string) {
	tb.Helper()
	eventually(tb, "the terminal shows "+text, func() bool {
		at := strings.Index(t.output.String()[t.read:], text)
		if at < 0 {
			return false
		}
		t.read += at + len(text)
		return true
	})
}

// ends waits for the command's end, which has to have the exit code.
func (t *terminal) ends(tb testing.TB, code int) {
	tb.Helper()
	select {
	case <-t.done:
	case <-time.After(patience):
		tb.Fatalf("%v has not ended", t.cmd.Args)
	}
	if got := t.cmd.ProcessState.ExitCode(); got != code {
		tb.Errorf("%v ended with code %d, want %d", t.cmd.Args, got, code)
	}
}
