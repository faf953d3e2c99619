package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const (
	readyTimeout = 30 * time.Second
	endTimeout   = 15 * time.Second // more than a worker takes to hand back what it holds
)

// process is a child of the benchmark.
type process struct {
	name string
	cmd  *exec.Cmd
	out  *output
	done chan struct{} // closed when it has ended
}

// command says what to start and how it tells that it is ready.
type command struct {
	name  string
	path  string
	args  []string
	env   []string // beside the environment
	stdin string
	ready *regexp.Regexp // on a line of its output; its first group is returned
}

// start runs the command and waits until it is ready. It returns what it said of
// itself: its address, most often.
func start(c command) (*process, string, error) {
	p := &process{name: c.name, out: newOutput(c.name, c.ready), done: make(chan struct{})}
	p.cmd = exec.Command(c.path, c.args...) //nolint:gosec,noctx // it is this program's own, and lives until end
	p.cmd.Stdin = strings.NewReader(c.stdin)
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	p.cmd.Env = append(cleanEnvironment(os.Environ()), c.env...)
	p.cmd.WaitDelay = time.Second
	detach(p.cmd)
	started := make(chan error)
	go func() {
		// The kernel ends the child with the thread that started it: keep that thread.
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
		return nil, "", fmt.Errorf("start %s: %w", c.name, err)
	}
	select {
	case said := <-p.out.ready:
		return p, said, nil
	case <-p.done:
		return nil, "", fmt.Errorf("%s ended at once:\n%s", c.name, p.out.tail())
	case <-time.After(readyTimeout):
		_ = p.end()
		return nil, "", fmt.Errorf("%s was not ready within %v:\n%s", c.name, readyTimeout, p.out.tail())
	}
}

// cleanEnvironment leaves out what would configure the children behind our back.
func cleanEnvironment(environment []string) []string {
	var clean []string
	for _, variable := range environment {
		name, _, _ := strings.Cut(strings.ToUpper(variable), "=")
		if !strings.HasPrefix(name, "GATHER_") && !strings.HasSuffix(name, "_PROXY") {
			clean = append(clean, variable)
		}
	}
	return clean
}

// pause keeps the process from doing anything until resume.
func (p *process) pause() error { return p.cmd.Process.Signal(syscall.SIGSTOP) }

func (p *process) resume() error { return p.cmd.Process.Signal(syscall.SIGCONT) }

// end asks the process to end, makes it where it does not, and waits for its end.
func (p *process) end() error {
	_ = p.resume() // a paused process hears nothing
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
		return nil
	case <-time.After(endTimeout):
	}
	_ = p.cmd.Process.Kill()
	<-p.done
	return fmt.Errorf("%s did not end within %v of SIGTERM:\n%s", p.name, endTimeout, p.out.tail())
}

// alive returns an error that says why, if the process has ended by itself.
func (p *process) alive() error {
	select {
	case <-p.done:
		return errors.New(p.name + " ended by itself:\n" + p.out.tail())
	default:
		return nil
	}
}
