package e2e

import (
	"fmt"
	"go/format"
	"maps"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// notRun is how many blocks of the guides say that they are not run, and why. Who adds one
// has to add it here.
var notRun = map[string]int{
	"needs Celery":               1,
	"needs Node.js":              1,
	"needs Node.js and BullMQ":   1,
	"needs a Docker engine":      2,
	"needs a Kubernetes cluster": 1,
	"needs the Internet":         1,
	"runs the tests that run it": 1, // make test
}

// TestGuides follows README.md and each page of docs/guides/ as a reader does, with real
// processes: see guide.
func TestGuides(t *testing.T) {
	t.Parallel()
	ownRedis(t)
	for _, tool := range []string{"bash", "curl", "jq", "openssl", "python3", "redis-cli", "redis-server"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("the guides use %s, which is not there; scripts/need-tools.sh installs it", tool)
		}
	}
	pages, err := filepath.Glob("../docs/guides/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no guides: %v", err)
	}
	passed := passedOver{reasons: make(map[string]int)}
	t.Run("pages", func(t *testing.T) {
		for _, page := range append(pages, "../README.md") {
			t.Run(strings.TrimSuffix(filepath.Base(page), ".md"), func(t *testing.T) {
				t.Parallel()
				followGuide(t, readGuide(t, page), &passed)
			})
		}
	})
	if !t.Failed() && !maps.Equal(passed.reasons, notRun) {
		t.Errorf("blocks that are not run: %v, want %v", passed.reasons, notRun)
	}
}

// passedOver counts the blocks that say that they are not run.
type passedOver struct {
	mu      sync.Mutex
	reasons map[string]int
}

func (p *passedOver) add(reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reasons[reason]++
}

// followGuide does what a page says, from top to bottom.
func followGuide(t *testing.T, g *guide, passed *passedOver) {
	sh := openShell(t, g)
	commands, parts := 0, fragments{}
	for i := range g.blocks {
		b := &g.blocks[i]
		switch {
		case b.notRun != "":
			passed.add(b.notRun)
			t.Logf("%s:%d: not run: %s", g.path, b.line, b.notRun)
		case b.lang == "go":
			wantFormatted(t, b)
			if b.file == "" {
				parts.add(b)
				continue
			}
			fallthrough
		case b.lang == "console" || b.lang == "json" || b.file != "":
			commands += sh.follow(b)
		case b.lang != "" && b.lang != "mermaid":
			t.Errorf("%s:%d: nobody knows what to do with this %s: save it as a file, or say why it is not run", g.path, b.line, b.lang)
		}
	}
	sh.wantIgnored()
	parts.compile(sh)
	t.Logf("%s: %d commands", g.path, commands)
}

func wantFormatted(t *testing.T, b *block) {
	t.Helper()
	if formatted, err := format.Source([]byte(b.text)); err != nil {
		t.Errorf("line %d: %v", b.line, err)
	} else if strings.TrimSpace(string(formatted)) != strings.TrimSpace(b.text) {
		t.Errorf("line %d: gofmt makes it\n%s", b.line, formatted)
	}
}

// fragments is a program of all parts of programs that a page shows.
type fragments struct{ functions []string }

func (f *fragments) add(b *block) {
	f.functions = append(f.functions, fmt.Sprintf(
		"func _(ctx context.Context, c *client.Client, urls []string) {\n%s\n}\n", b.text))
}

const aroundFragments = `package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"gather"
	"gather/client"
)

var _ = []any{context.Background, errors.Is, fmt.Print, log.Print, os.Exit, time.Now, gather.After, client.New}

func main() {}

`

// compile has the compiler look at them.
func (f *fragments) compile(sh *guideShell) {
	sh.Helper()
	if len(f.functions) == 0 {
		return
	}
	sh.write("fragments/main.go", aroundFragments+strings.Join(f.functions, "\n"))
	if code := sh.run("go vet ./fragments"); code != "0" {
		sh.Errorf("parts of programs do not compile:\n%s", sh.last)
	}
}
