package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func shell(script string) command {
	return command{name: "child", path: "sh", args: []string{"-c", script}, ready: regexp.MustCompile(`^at (\S+)`)}
}

func TestStart(t *testing.T) {
	t.Run("returns what the child says of itself, and ends it", func(t *testing.T) {
		p, said, err := start(shell("echo hello; echo at home; exec sleep 60"))
		if err != nil {
			t.Fatal(err)
		}
		if said != "home" {
			t.Errorf("it said %q", said)
		}
		if err := p.alive(); err != nil {
			t.Error(err)
		}
		if err := p.end(); err != nil {
			t.Error(err)
		}
		if err := p.alive(); err == nil {
			t.Error("it is alive after its end")
		}
	})
	t.Run("a paused child ends too", func(t *testing.T) {
		p, _, err := start(shell("echo at rest; exec sleep 60"))
		if err != nil {
			t.Fatal(err)
		}
		if err := p.pause(); err != nil {
			t.Error(err)
		}
		if err := p.end(); err != nil {
			t.Error(err)
		}
	})
	t.Run("a child that ends at once is an error that says why", func(t *testing.T) {
		_, _, err := start(shell("echo no such thing; exit 1"))
		if err == nil || !strings.Contains(err.Error(), "no such thing") {
			t.Errorf("error = %v", err)
		}
	})
}

func TestCleanEnvironment(t *testing.T) {
	got := cleanEnvironment([]string{"PATH=/bin", "GATHER_CONCURRENCY=1", "http_proxy=http://x", "HOME=/"})
	if want := []string{"PATH=/bin", "HOME=/"}; !slices.Equal(got, want) {
		t.Errorf("environment = %q, want %q", got, want)
	}
}

func TestOutput(t *testing.T) {
	o := newOutput("child", regexp.MustCompile(`listens on (\S+)`))
	for _, part := range []string{"first\nGather lis", "tens on http://a\nlis", "tens on b\nrest"} {
		if _, err := o.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if got := <-o.ready; got != "http://a" {
		t.Errorf("ready said %q", got)
	}
	if got := o.tail(); !strings.HasSuffix(got, "listens on b\nrest") {
		t.Errorf("tail = %q", got)
	}
}
