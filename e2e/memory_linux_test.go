package e2e

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"testing"
)

var vmHWM = regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`)

// peakMemory is the most memory that a process has had so far, in KiB.
func (p *process) peakMemory(tb testing.TB) int {
	tb.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		tb.Fatal(err)
	}
	found := vmHWM.FindSubmatch(status)
	if found == nil {
		tb.Fatalf("no VmHWM in %s", status)
	}
	peak, _ := strconv.Atoi(string(found[1]))
	return peak
}
