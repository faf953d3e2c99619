// Command bench measures Gather beside what it could be at best and beside what it
// is built on, in one run and on one machine:
//
//	limit      the same requests from one Go process, without any queue (limit.go)
//	raw asynq  one task a request, as one would write it by hand (asynq.go, asynqworker.go)
//	gather     cmd/api and cmd/worker as a user runs them, over HTTP (gather.go)
//	article    Django's async and sync views under uvicorn (article.go)
//
// All of them fetch from upstreams of the benchmark's own (upstream.go) and check
// every item of every answer (reply.go). The rows are in rows.go, each with its
// target; they run one after another, each with fresh processes (lab.go), which are
// gone when it ends. It looks at Gather from outside only, and imports none of it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"syscall"
)

// options are what the flags say.
type options struct {
	rows      *regexp.Regexp // which rows
	runs      int            // counted runs of a row, after the warm-up
	write     string         // Markdown file to write, with an SVG beside it; "" for none
	keepGoing bool           // a row that fails does not end the run
	binaries  string         // directory of api and worker; "" builds them
}

func main() {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case upstreamCommand:
			os.Exit(exitCode(runUpstream(os.Args[2:])))
		case asynqWorkerCommand:
			os.Exit(exitCode(runAsynqWorker(os.Args[2:])))
		}
	}
	o, err := parseOptions(os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once, and its children with it
	os.Exit(exitCode(run(ctx, o, os.Stdout, os.Stderr)))
}

func parseOptions(args []string, stderr io.Writer) (*options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	pattern := flags.String("rows", "", "run only the row of this name, or those whose names match this regular expression")
	flags.IntVar(&o.runs, "runs", 5, "counted runs of each row, at least 1; fewer than 5 are for a quick look only")
	flags.StringVar(&o.write, "write", "", "write the rows to this Markdown file, and a plot beside it")
	flags.BoolVar(&o.keepGoing, "keep-going", false, "go on with the next row when one fails")
	flags.StringVar(&o.binaries, "bin", "", "directory with api and worker to measure; builds them where it is not given")
	flags.Usage = func() {
		_, _ = fmt.Fprintln(stderr, "bench measures Gather beside the in-process limit and raw asynq.")
		flags.PrintDefaults()
		_, _ = fmt.Fprint(stderr, "rows:\n")
		for _, r := range allRows() {
			_, _ = fmt.Fprintf(stderr, "  %-18s %s\n", r.name, r.about)
		}
	}
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	var err error
	if o.rows, err = rowsNamed(*pattern); err == nil && o.runs < 1 {
		err = fmt.Errorf("-runs %d must be at least 1", o.runs)
	}
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("unknown argument %q", flags.Arg(0))
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "bench:", err)
	}
	return &o, err
}

// rowsNamed matches the row of this name, where there is one, else all whose names the
// regular expression matches.
func rowsNamed(pattern string) (*regexp.Regexp, error) {
	if slices.ContainsFunc(allRows(), func(r row) bool { return r.name == pattern }) {
		pattern = "^" + regexp.QuoteMeta(pattern) + "$"
	}
	return regexp.Compile(pattern)
}

func exitCode(err error) int {
	if err == nil {
		return 0
	}
	_, _ = fmt.Fprintln(os.Stderr, "bench:", err)
	return 1
}
