//go:build !linux

package redistest

import "os/exec"

// endWithParent has no counterpart here: a server outlives tests that die without cleaning up.
func endWithParent(*exec.Cmd) {}
