package e2e

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// interrupted interrupts the command, which has to end with 130 and say a text.
func (p *process) interrupted(tb testing.TB, says string) {
	tb.Helper()
	_ = p.cmd.Process.Signal(os.Interrupt)
	if code, ended := p.exit(patience); !ended || code != 130 || !strings.Contains(p.stderr.String(), says) {
		tb.Errorf("ended %t with code %d: %s", ended, code, p.stderr.String())
	}
}

// TestCLI_Interrupt interrupts the command where nobody can be asked.
func TestCLI_Interrupt(t *testing.T) {
	t.Parallel()
	s := startEmbedded(t)
	u := newUpstream(t)
	open := u.gate("/held")
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		p := commandLine{server: s.base}.start(t, "run", "--timeout", "60s", u.URL+"/held")
		accepted := regexp.MustCompile(`agg_\w+`)
		eventually(t, "it is accepted", func() bool { return accepted.MatchString(p.stderr.String()) })
		_ = p.cmd.Process.Signal(sig)
		code, _ := p.exit(patience)
		id := accepted.FindString(p.stderr.String())
		if code != 130 || !strings.Contains(p.stderr.String(), id+" goes on; come back with: gather wait "+id+"\n") {
			t.Errorf("%v: code %d: %s", sig, code, p.stderr.String())
		}
		if got := s.get(t, http.StatusOK, path(id)).aggregation(t); got.finished() {
			t.Errorf("%v: it does not go on: %+v", sig, got)
		}
	}
	// The Gather inside ends with the command: what has come so far is shown.
	p := commandLine{}.start(t, "run", "--allow-net", loopback, "-O", "ndjson", "--timeout", "60s", u.URL+"/held", u.URL+"/free")
	eventually(t, "one is done", func() bool { return strings.Contains(p.stdout.String(), `"index":1`) })
	_ = p.cmd.Process.Signal(os.Interrupt)
	if code, _ := p.exit(patience); code != 1 || !strings.Contains(p.stdout.String(), `"code":"canceled"`) || !strings.Contains(p.stderr.String(), " canceled: 2 of 2 done, 1 canceled") {
		t.Errorf("embedded: code %d: %s\n%s", code, p.stdout.String(), p.stderr.String())
	}
	open()
}

// TestCLI_Interrupt_input interrupts the command while it reads its input, which nobody ends.
func TestCLI_Interrupt_input(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-f", "-"}, {"http://a.example/", "--data", "@-"}} {
		stdin, input, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = input.Close() }()
		p := startWith(t, "gather", stdin, commandLine{}.env(), append([]string{"run"}, args...)...)
		_ = stdin.Close()
		if _, err := input.WriteString(strings.Repeat("# more than a pipe holds\n", 10_000)); err != nil { // so it reads
			t.Fatal(err)
		}
		_ = p.cmd.Process.Signal(os.Interrupt)
		if _, ended := p.exit(patience); !ended {
			t.Fatalf("%v goes on", args)
		}
		if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGINT {
			t.Errorf("%v ended with %v: %s", args, p.cmd.ProcessState, p.stderr.String())
		}
	}
}

// TestCLI_Interrupt_create interrupts the command while it waits for the server to accept.
func TestCLI_Interrupt_create(t *testing.T) {
	t.Parallel()
	u := newUpstream(t)
	u.on("/v1/aggregations", u.never)
	g := commandLine{server: u.URL}
	for i, c := range []struct{ args, says string }{
		{"run http://a.example/", "it may have accepted them, and goes on then; look with: gather list\n"},
		{"run http://a.example/ --idempotency-key k", "run it again with the same --idempotency-key\n"},
	} {
		p := g.start(t, strings.Fields(c.args)...)
		u.sees(t, "/v1/aggregations", i+1)
		p.interrupted(t, c.says)
	}
}

// TestCLI_Interrupt_end interrupts the command when all is done, and the server does not
// give the results.
func TestCLI_Interrupt_end(t *testing.T) {
	t.Parallel()
	const agg = `{"id":"agg_1","status":"succeeded","counts":{"total":1,"succeeded":1}}`
	u := newUpstream(t)
	u.on("/v1/aggregations/agg_1", answerWith(200, "application/json", []byte(agg)))
	u.on("/v1/aggregations/agg_1/events", answerWith(200, "text/event-stream", []byte("event: done\ndata: "+agg+"\n\n")))
	u.on("/v1/aggregations/agg_1/results", u.never)
	p := commandLine{server: u.URL}.start(t, "wait", "agg_1", "-O", "json")
	u.sees(t, "/v1/aggregations/agg_1/results", 1)
	p.interrupted(t, "agg_1 has finished; come back with: gather wait agg_1\n")
}
