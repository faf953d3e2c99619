//go:build !linux

package e2e

import "testing"

// peakMemory is known on Linux only.
func (p *process) peakMemory(testing.TB) int { return 0 }
