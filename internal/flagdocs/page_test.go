package main

import (
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

func TestPage_isUpToDate(t *testing.T) {
	const path = "../../docs/reference.md"
	written, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(written) != page(models()...) {
		t.Errorf("%s is not what the flags are: run make docs", path)
	}
}

func TestPage(t *testing.T) {
	var options struct {
		Level  string   `enum:"low,high" default:"low" help:"How much."`
		Secret string   `hidden:"" help:"Nobody's business."`
		List   []string `short:"l" group:"Lists" placeholder:"A|B" help:"Either, or."`
		Loud   bool     `help:"Says more."`
		Run    struct {
			URL   []string `arg:"" help:"What to fetch."`
			Times int      `default:"3" help:"How often."`
		} `cmd:"" help:"Runs it."`
		Old struct{} `cmd:"" hidden:"" help:"Was there once."`
	}
	parser, err := kong.New(&options, kong.Name("x"), kong.Description("Does things."), kong.DefaultEnvars("X"))
	if err != nil {
		t.Fatal(err)
	}
	want := intro + "\n## cmd/x\n\nDoes things.\n\n| flag | variable | default | meaning |\n|---|---|---|---|\n" +
		"| `--level low\\|high` | `X_LEVEL` | `low` | How much. |\n" +
		"| `--loud` | `X_LOUD` | `false` | Says more. |\n" +
		"| **Lists** | | | |\n" +
		"| `-l, --list A\\|B` | `X_LIST` |  | Either, or. |\n" +
		"\n## cmd/x run\n\nRuns it.\n\n`<url> ...`: What to fetch.\n\n| flag | variable | default | meaning |\n|---|---|---|---|\n" +
		"| `--times` | `X_TIMES` | `3` | How often. |\n"
	if got := page(parser.Model); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if strings.Contains(page(parser.Model), "once") {
		t.Error("it tells what is hidden")
	}
}
