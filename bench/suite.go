package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"
)

// rowTimeout ends a row that hangs: the slowest one takes some three minutes, and
// longer with more runs than usual.
const rowTimeout = 8 * time.Minute

// row is one line of the table, or a few that are measured together.
type row struct {
	name    string // what -rows selects it by
	about   string
	modes   []redisMode // it is measured once for each
	measure func(ctx context.Context, l *lab) ([]outcome, error)
}

// run measures the rows that the options select and reports them, those of a run
// that was cut short too.
func run(ctx context.Context, o *options, stdout, stderr io.Writer) error {
	log.SetOutput(stderr)
	log.SetFlags(log.Ltime)
	raiseFileLimit()
	dir, err := os.MkdirTemp("", "gather-bench")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	machine := inspectMachine(ctx)
	binaries := o.binaries
	if binaries == "" {
		binaries = dir
		if err := build(ctx, dir); err != nil {
			return err
		}
	}
	outcomes, failures := measureAll(ctx, o, binaries)
	if len(outcomes) == 0 && failures == nil {
		return fmt.Errorf("no row matches %q; -h lists them", o.rows)
	}
	_, _ = fmt.Fprint(stdout, textReport(outcomes, machine))
	if o.write != "" {
		failures = errors.Join(failures, writeReport(o.write, outcomes, machine))
	}
	return failures
}

func measureAll(ctx context.Context, o *options, binaries string) ([]outcome, error) {
	var all []outcome
	var failures []error
	for _, r := range allRows() {
		if !o.rows.MatchString(r.name) {
			continue
		}
		for _, mode := range r.modes {
			outcomes, err := measureRow(ctx, r, &lab{binaries: binaries, mode: mode, runs: o.runs})
			all = append(all, outcomes...)
			if err == nil {
				continue
			}
			err = fmt.Errorf("row %s, %s: %w", r.name, mode, err)
			log.Print(err)
			failures = append(failures, err)
			all = append(all, outcome{work: r.about, redis: mode.String(), verdict: failed})
			if !o.keepGoing || ctx.Err() != nil {
				return all, errors.Join(failures...)
			}
		}
	}
	return all, errors.Join(failures...)
}

func measureRow(ctx context.Context, r row, l *lab) (_ []outcome, err error) {
	log.Printf("%s, Redis with %s", r.name, l.mode)
	ctx, cancel := context.WithTimeout(ctx, rowTimeout*time.Duration(1+l.runs/10))
	defer cancel()
	defer func() { err = errors.Join(err, l.close()) }()
	outcomes, err := r.measure(ctx, l)
	for i := range outcomes {
		outcomes[i].redis = l.mode.String()
		log.Print("    " + outcomes[i].line())
	}
	return outcomes, err
}
