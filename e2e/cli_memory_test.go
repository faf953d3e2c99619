package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// shipped builds the command gather without the race detector, which takes memory of its
// own, and returns its path.
func shipped(tb testing.TB) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "gather")
	if out, err := exec.CommandContext(tb.Context(), "go", "build", "-o", path, "gather/cmd/gather").CombinedOutput(); err != nil {
		tb.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// TestCLI_Large prints many results while the memory that it takes stays flat.
func TestCLI_Large(t *testing.T) {
	t.Parallel()
	s := startEmbedded(t)
	u := newUpstream(t)
	const n, size, bound = 4000, 20 << 10, 64 << 10 // the bound in KiB
	u.on("/big", answerWith(200, "text/plain", []byte(strings.Repeat("x", size))))
	cmd := exec.CommandContext(t.Context(), shipped(t), "run", "-q", "-f", "-", "-O", "json", "--deadline", "10m")
	cmd.Env, cmd.Stdin = commandLine{server: s.base}.env(), strings.NewReader(strings.Repeat(u.URL+"/big\n", n))
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	lines := bufio.NewReader(io.TeeReader(stdout, &text))
	for range n - 10 {
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	// It has not ended: the rest is more than a pipe holds.
	peak := (&process{cmd: cmd}).peakMemory(t)
	if _, err := io.Copy(io.Discard, lines); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	var agg struct{ Results []json.RawMessage }
	if err := json.Unmarshal(text.Bytes(), &agg); err != nil || len(agg.Results) != n {
		t.Errorf("%d results, %v", len(agg.Results), err)
	}
	t.Logf("the peak was %d MiB", peak>>10)
	if peak > bound {
		t.Errorf("%d MiB were held for results of %d MiB", peak>>10, n*size>>20)
	}
}
