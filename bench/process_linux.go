package main

import (
	"os/exec"
	"syscall"
)

// detach keeps a Ctrl-C at the terminal from reaching the child before we end it in
// order, and ends it even if we die without doing so.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
