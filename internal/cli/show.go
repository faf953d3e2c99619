package cli

import (
	"iter"
	"regexp"
	"slices"
	"strings"

	"gather"
)

// showFlags say how results are shown.
type showFlags struct {
	Output string `short:"O" enum:"table,json,ndjson" default:"table" help:"What to print: table; json, one document in input order; ndjson, one result a line as they come."`
	Dir    string `short:"o" type:"path" placeholder:"DIR" help:"Write the body of each item to a file in DIR, in place of those of earlier runs that begin with the same number."`
	Failed bool   `help:"Show only the items that did not succeed."`
	Quiet  bool   `short:"q" help:"Show no progress and no summary."`
}

// output prints results in one form.
type output interface {
	// live tells whether it wants results one by one, in whatever order.
	live() bool
	// add takes a result, and the file that its body was written to; "" is none.
	add(r *gather.Result, file string) error
	// finish ends it. One that is not live reads the results now, in input order.
	finish(agg *gather.Aggregation, results iter.Seq2[gather.Result, error]) error
}

// shown is where results go: a folder, and what is printed.
type shown struct {
	out    output
	folder *folder // nil where no bodies are written
	failed bool    // only what did not succeed
	quiet  bool    // no progress and no summary
	hints  hints
}

func (s *session) shown(f *showFlags) (*shown, error) {
	if f.Dir == "-" {
		return nil, usagef("-o: is a folder, and not standard output; -O json or ndjson prints bodies there")
	}
	v := &shown{failed: f.Failed, quiet: f.Quiet}
	switch f.Output {
	case "json":
		v.out = &document{w: s.Out}
	case "ndjson":
		v.out = &resultLines{w: s.Out}
	default:
		v.out = &table{w: s.Out}
	}
	var err error
	if f.Dir != "" {
		v.folder, err = openFolder(f.Dir)
	}
	return v, err
}

// showing does something whose results are shown with the server that is named.
func (s *session) showing(f *showFlags, do func(*link, *shown) error) error {
	v, err := s.shown(f)
	if err != nil {
		return err
	}
	defer v.close()
	return s.using(func(l *link) error { return do(l, v) })
}

// take takes results that are there, unless they are wanted at the end alone.
func (v *shown) take(results iter.Seq2[gather.Result, error]) error {
	if !v.out.live() && v.folder == nil {
		return nil
	}
	for r, err := range results {
		if err == nil {
			err = v.add(&r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (v *shown) add(r *gather.Result) (err error) {
	v.hints.take(r)
	if !v.lets(r) {
		return nil
	}
	file := ""
	if v.folder != nil {
		if file, err = v.folder.save(r); err != nil {
			return err
		}
	}
	if !v.out.live() {
		return nil
	}
	return v.out.add(r, file)
}

func (v *shown) lets(r *gather.Result) bool { return !v.failed || r.Status != gather.ItemSucceeded }

// flows tells whether results are printed as they come.
func (v *shown) flows() bool {
	_, lines := v.out.(*resultLines)
	return lines
}

func (v *shown) finish(agg *gather.Aggregation, results iter.Seq2[gather.Result, error]) error {
	return v.out.finish(agg, func(yield func(gather.Result, error) bool) {
		for r, err := range results {
			if (err != nil || v.lets(&r)) && !yield(r, err) {
				return
			}
		}
	})
}

func (v *shown) close() {
	if v.folder != nil {
		v.folder.close()
	}
}

// hints collects what another way to run the command would change.
type hints struct {
	allowNet []string
	cut      int // bodies over the limit
}

var allowNetFlag = regexp.MustCompile(`--allow-net (\S+)`)

// take looks at a result. What a worker must be told to reach an address, its error says.
func (h *hints) take(r *gather.Result) {
	if r.Truncated {
		h.cut++
	}
	if r.Error == nil || r.Error.Code != gather.CodeDestinationIPProhibited {
		return
	}
	if found := allowNetFlag.FindStringSubmatch(r.Error.Message); found != nil && !slices.Contains(h.allowNet, found[1]) {
		h.allowNet = append(h.allowNet, found[1])
	}
}

// tell says what to do. Where the Gather runs in this process it is a flag of this command.
func (h *hints) tell(s *session, embedded bool) {
	const most = 10
	if len(h.allowNet) > 0 {
		nets := strings.Join(h.allowNet[:min(len(h.allowNet), most)], ",")
		if embedded {
			s.say("private addresses are reached only if you say so; run it again with --allow-net %s", nets)
		} else {
			s.say("private addresses are reached only if whoever runs the workers says so, with --allow-net %s", nets)
		}
	}
	if h.cut > 0 && embedded {
		s.say("%d bodies are over the limit and cut; run it again with a larger --max-body, such as 16MiB", h.cut)
	} else if h.cut > 0 {
		s.say("%d bodies are over the limit of the workers' --max-body and cut", h.cut)
	}
}
