package e2e

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// stopBound is how long a process may take from SIGTERM to its end: its own
// --stop-timeout of 8 s, and some for a busy machine.
const stopBound = 25 * time.Second

// process is a command of the product that runs.
type process struct {
	name   string
	cmd    *exec.Cmd
	stdout output
	stderr output
	done   chan struct{} // closed when it has ended
}

// start runs a command for the length of the test. A process that still runs then
// is stopped and has to end cleanly; its output is shown if the test fails.
func start(tb testing.TB, name string, env []string, args ...string) *process {
	tb.Helper()
	return startWith(tb, name, nil, append(withoutGather(os.Environ()), env...), args...)
}

// startWith is start with a standard input, and with no variables but these.
func startWith(tb testing.TB, name string, stdin io.Reader, env []string, args ...string) *process {
	tb.Helper()
	p := &process{name: name, cmd: exec.Command(binary(tb, name), args...), done: make(chan struct{})}
	p.cmd.Env, p.cmd.Stdin = env, stdin
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	endWithParent(p.cmd)
	started := make(chan error)
	go func() {
		// The kernel watches over the thread that started the process, not over ours.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.done)
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if p.running() {
			p.stop(tb)
		}
		if tb.Failed() {
			tb.Logf("%s (pid %d) wrote:\n%s%s", p.name, p.cmd.Process.Pid, p.stdout.tail(), p.stderr.tail())
		}
		if strings.Contains(p.stderr.String(), "DATA RACE") {
			tb.Errorf("%s has a data race:\n%s", p.name, p.stderr.String())
		}
	})
	return p
}

// withoutGather drops the variables that would change what the product does, or where it sends traces.
func withoutGather(environ []string) []string {
	var kept []string
	for _, variable := range environ {
		if !strings.HasPrefix(variable, "GATHER_") && !strings.HasPrefix(variable, "OTEL_") {
			kept = append(kept, variable)
		}
	}
	return kept
}

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// stop sends SIGTERM and wants exit code 0.
func (p *process) stop(tb testing.TB) {
	tb.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	if code, ended := p.exit(stopBound); !ended {
		tb.Errorf("%s still runs %v after SIGTERM", p.name, stopBound)
		p.kill()
	} else if code != 0 {
		tb.Errorf("%s ended with code %d after SIGTERM", p.name, code)
	}
}

// kill ends exactly this process at once, as a crash does.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// exit waits for the process' end and returns its exit code.
func (p *process) exit(bound time.Duration) (code int, ended bool) {
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode(), true
	case <-time.After(bound):
		return 0, false
	}
}

var listensOn = regexp.MustCompile(`(?m)^Gather listens on (http://\S+)$`)

// address waits until the API says where it listens.
func (p *process) address(tb testing.TB) string {
	tb.Helper()
	var found []string
	eventually(tb, p.name+" says where it listens", func() bool {
		found = listensOn.FindStringSubmatch(p.stdout.String())
		if found == nil && !p.running() {
			tb.Fatalf("%s ended at once", p.name)
		}
		return found != nil
	})
	return found[1]
}

// works waits until a worker says that it has started: a signal before that finds
// it unprepared.
func (p *process) works(tb testing.TB) {
	tb.Helper()
	eventually(tb, p.name+" says that it has started", func() bool {
		if !p.running() {
			tb.Fatalf("%s ended at once", p.name)
		}
		return strings.Contains(p.stderr.String(), "worker started")
	})
}

// output keeps what a process writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

var _ io.Writer = (*output)(nil)

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// tail is the end of the output, enough to see what went wrong. Lines at debug
// level are left out: there is one for every request of every test.
func (o *output) tail() string {
	const longest = 8 << 10
	var kept strings.Builder
	for line := range strings.Lines(o.String()) {
		if !strings.Contains(line, "level=DEBUG") && !strings.Contains(line, `"level":"DEBUG"`) {
			kept.WriteString(line)
		}
	}
	text := kept.String()
	if len(text) > longest {
		return "…" + text[len(text)-longest:]
	}
	return text
}
