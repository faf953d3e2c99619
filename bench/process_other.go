//go:build !linux

package main

import "os/exec"

// detach has no counterpart here: children outlive a benchmark that dies without ending them.
func detach(*exec.Cmd) {}
