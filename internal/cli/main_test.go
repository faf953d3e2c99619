package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"gather"
	"gather/internal/app"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestReport(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		code int
		says string
	}{
		"nothing":     {nil, 0, ""},
		"some failed": {errSomeFailed, 1, ""},
		"usage":       {usagef("2 faults\n%w", errors.Join(errors.New("a"), errors.New("b"))), 2, "gather: 2 faults\n  a\n  b\n"},
		"the server":  {fmt.Errorf("get: %w", gather.ErrNotFound), 3, "gather: get: no such aggregation\n"},
		"a signal":    {fmt.Errorf("create: %w", context.Canceled), 130, "gather: interrupted\n"},
		"left":        {errLeft, 130, ""},
		"an escape":   {errors.New("\x1b[2Jx"), 3, "gather: \ufffd[2Jx\n"},
	} {
		var said bytes.Buffer
		if code := report(&said, c.err); code != c.code || said.String() != c.says {
			t.Errorf("%s: code %d, want %d, %q, want %q", name, code, c.code, said.String(), c.says)
		}
	}
}

// run runs the command in this process.
func run(args ...string) (stdout, stderr string, code int) {
	var out, err bytes.Buffer
	code = Run(args, Streams{In: strings.NewReader(""), Out: &out, Err: &err})
	return out.String(), err.String(), code
}

func TestRun_usage(t *testing.T) {
	t.Setenv("GATHER_URL", "")
	for line, says := range map[string]string{
		"nonsense": "nonsense", "run --nonsense": "--nonsense", "run -O xml http://a/": "--output", "get": "<id>", "get agg_1": "GATHER_URL",
		"run": "nothing to send", "run http://a/ --no-wait": "--no-wait", "run http://a/ --deadline soon": "--deadline is not a duration",
		"run a.example": "a.example: the URL must be absolute", "run http://a/ --allow-net x": "--allow-net", "run http://a/ --max-body 1": "--max-body",
		"run http://a/ --server nowhere": "--server", "run http://a/ -o /dev/null": "-o:", "list --server http://127.0.0.1:1 --status odd": "--status",
		"run http://a/ --server http://127.0.0.1:1 --allow-net 127.0.0.1": "--allow-net is for the Gather inside", "run http://a/ --server http://127.0.0.1:1 --max-body 2MiB": "--max-body is for the Gather inside",
		"run -f - -d @-": "standard input can be read once; here are -f - and --data @-", "run - --json @-": "here are - and --json @-", "run - -f -": "here are - and -f -", "run http://a/ -o -": "-o: is a folder", "get agg_1 --server http://127.0.0.1:1 -o -": "-o: is a folder",
	} {
		stdout, stderr, code := run(strings.Fields(line)...)
		if code != 2 || stdout != "" || !strings.HasPrefix(stderr, "gather: ") || !strings.Contains(stderr, says) {
			t.Errorf("%s: code %d, %q, %q", line, code, stdout, stderr)
		}
	}
	// Variables may be set for all commands alike.
	t.Setenv("GATHER_ALLOW_NET", "127.0.0.1")
	if _, stderr, _ := run("run", "a.example", "--server", "http://127.0.0.1:1"); !strings.Contains(stderr, "the URL must be absolute") {
		t.Errorf("GATHER_ALLOW_NET beside --server: %q", stderr)
	}
	// A key that no header can carry is told at once, and not repeated.
	for _, flag := range []string{"--key", "--idempotency-key"} {
		if _, stderr, code := run("run", "http://a/", "--server", "http://127.0.0.1:1", flag, "secret\n"); code != 2 || !strings.Contains(stderr, flag) || strings.Contains(stderr, "secret") {
			t.Errorf("%s: code %d, %q", flag, code, stderr)
		}
	}
}

// TestRun_binary holds that what would arrive as something else is not sent.
func TestRun_binary(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bin8")
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	if err := os.WriteFile(file, all, 0o600); err != nil {
		t.Fatal(err)
	}
	lines := filepath.Join(t.TempDir(), "lines")
	if err := os.WriteFile(lines, []byte("# \xe9\nhttp://a/\n{\"url\": \"http://a/\", \"body_text\": \"\xff\"}\nhttp://a/\xe9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	document := filepath.Join(t.TempDir(), "document")
	if err := os.WriteFile(document, []byte("\"\xff\""), 0o600); err != nil {
		t.Fatal(err)
	}
	const url = "http://127.0.0.1:1/"
	for _, c := range []struct {
		args []string
		says []string
	}{
		{[]string{url, "-d", "@" + file}, []string{"gather: --data must be text in UTF-8; bodies are text or JSON, never binary\n"}},
		{[]string{url, "--json", "@" + document}, []string{"--json must be JSON, in UTF-8"}},
		{[]string{url, "-H", "A: \xff"}, []string{"gather: argument 6 must be text in UTF-8"}},
		{[]string{url + "\xff"}, []string{"gather: argument 4 must be text in UTF-8"}},
		{[]string{"-f", lines}, []string{"2 faults; nothing was sent", lines + ":3: must be text in UTF-8", lines + ":4: must be text in UTF-8"}},
	} {
		stdout, stderr, code := run(append([]string{"run", "--server", "http://127.0.0.1:1"}, c.args...)...)
		for _, says := range c.says {
			if code != 2 || stdout != "" || !strings.Contains(stderr, says) {
				t.Errorf("%q: code %d, %q, %q, want %q", c.args, code, stdout, stderr, says)
			}
		}
	}
}

// TestConnectOrEmbed_interrupted holds that an interrupt is no fault of the command's.
func TestConnectOrEmbed_interrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := &session{ctx: ctx}
	_, err := s.connectOrEmbed(app.EmbeddedFlags{})
	if code := report(io.Discard, err); code != 130 {
		t.Errorf("code %d: %v", code, err)
	}
}
