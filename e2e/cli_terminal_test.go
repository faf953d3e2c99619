package e2e

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestCLI_Terminal follows at a terminal, where there is a bar, and somebody to ask.
func TestCLI_Terminal(t *testing.T) {
	t.Parallel()
	s := startEmbedded(t)
	u := newUpstream(t)
	gather := func(t *testing.T, g commandLine, args ...string) *terminal {
		t.Helper()
		return startTerminal(t, exec.Command(binary(t, "gather"), args...), append(g.env(), "TERM=xterm")...)
	}
	accepted := regexp.MustCompile(`agg_\w+`)
	remote := commandLine{server: s.base}

	t.Run("a bar, and then the table", func(t *testing.T) {
		open := u.gate("/held1")
		term := gather(t, remote, "run", "--timeout", "60s", u.URL+"/held1", u.URL+"/free")
		term.says(t, "░ 1 of 2 done")
		open()
		term.says(t, "succeeded: 2 of 2 done")
		term.ends(t, 0)
	})
	t.Run("lines, and no bar that would wipe them out", func(t *testing.T) {
		open := u.gate("/held6")
		term := gather(t, remote, "run", "-O", "ndjson", "--timeout", "60s", u.URL+"/held6", u.URL+"/{1..3}")
		for range 3 {
			term.says(t, `"status":"succeeded"`)
		}
		open()
		term.says(t, `"index":0`)
		term.says(t, "succeeded: 4 of 4 done")
		term.ends(t, 0)
		if shown := term.output.String(); strings.Contains(shown, "\x1b") || strings.Contains(shown, "░") {
			t.Errorf("%q", shown)
		}
	})
	t.Run("Ctrl-C and no", func(t *testing.T) {
		open := u.gate("/held2")
		term := gather(t, remote, "run", "--timeout", "60s", u.URL+"/held2")
		term.says(t, "0 of 1 done")
		term.types(t, "\x03")
		term.says(t, "? [y/N] (Ctrl-C again leaves it running) ")
		term.types(t, "n\n")
		open()
		term.says(t, "succeeded: 1 of 1 done")
		term.ends(t, 0)
	})
	t.Run("Ctrl-C and yes", func(t *testing.T) {
		u.gate("/held3")
		term := gather(t, remote, "run", "--timeout", "60s", u.URL+"/held3", u.URL+"/free")
		term.says(t, "1 of 2 done")
		term.types(t, "\x03")
		term.says(t, "[y/N]")
		term.types(t, "y\n")
		term.says(t, "canceled: 2 of 2 done, 1 canceled")
		term.ends(t, 1)
	})
	t.Run("Ctrl-C twice", func(t *testing.T) {
		open := u.gate("/held4")
		term := gather(t, remote, "run", "--timeout", "60s", u.URL+"/held4")
		term.says(t, "0 of 1 done")
		id := accepted.FindString(term.output.String())
		term.types(t, "\x03")
		term.says(t, "[y/N]")
		term.types(t, "\x03")
		term.says(t, id+" goes on; come back with: gather wait "+id)
		term.ends(t, 130)
		term = gather(t, remote, "wait", id)
		term.says(t, "0 of 1 done")
		open()
		term.ends(t, 0)
	})
	t.Run("Ctrl-C with the Gather inside", func(t *testing.T) {
		u.gate("/held5")
		for _, again := range []string{"y\n", "\x03"} {
			term := gather(t, commandLine{}, "run", "--allow-net", loopback, "--timeout", "60s", u.URL+"/held5", u.URL+"/free")
			term.says(t, "1 of 2 done")
			term.types(t, "\x03")
			term.says(t, "show what has come so far? [y/N]")
			term.types(t, again)
			if again == "y\n" {
				term.says(t, "canceled: 2 of 2 done, 1 canceled")
				term.ends(t, 1)
			} else {
				term.says(t, "ends here")
				term.ends(t, 130)
			}
		}
	})
}
