package redistest

import (
	"context"
	"os/exec"
	"runtime"
	"strings"
)

// process is one run of redis-server.
type process struct {
	cmd  *exec.Cmd
	log  output
	done chan struct{} // closed when it has ended
}

func startProcess(stdin string, args ...string) (*process, error) {
	p := &process{cmd: exec.CommandContext(context.Background(), "redis-server", args...), done: make(chan struct{})}
	p.cmd.Stdin = strings.NewReader(stdin)
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
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
	return p, <-started
}

// kill ends exactly this process, by its id, paused or not, and waits for its end.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// ready reports whether the process itself says that it is up: on its port there may be
// another that answers.
func (p *process) ready() bool {
	log := p.log.String()
	return strings.Contains(log, "eady to accept connections") || strings.Contains(log, "Sentinel ID is")
}
