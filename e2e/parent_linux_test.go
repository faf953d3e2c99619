package e2e

import (
	"os/exec"
	"syscall"
)

// endWithParent ends the process even if the tests die without cleaning up, as on a timeout.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
