package cli

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"gather"
)

// isTerminal reports whether somebody sits in front of a stream.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// progress shows how far an aggregation is.
type progress interface {
	// counts tells how many items stand where.
	counts(c gather.Counts)
	// note says something beside it.
	note(text string)
	// stop takes it away.
	stop()
}

// progress begins to show progress beside what v prints. There is no bar where results
// pass on the same screen by another way: it would wipe them out.
func (s *session) progress(c gather.Counts, v *shown) progress {
	switch {
	case v.quiet:
		return silence{s}
	case isTerminal(s.Err) && (!v.flows() || !isTerminal(s.Out)):
		return newBar(s.Err, c)
	}
	return &lines{session: s, last: time.Now()}
}

// silence shows nothing.
type silence struct{ *session }

func (silence) counts(gather.Counts) {}
func (q silence) note(text string)   { q.say("%s", text) }
func (silence) stop()                {}

// linesEvery bounds how often progress is told where it stays on the page.
const linesEvery = time.Second

// lines tells progress in lines, for logs.
type lines struct {
	*session
	last time.Time
}

func (l *lines) counts(c gather.Counts) {
	if time.Since(l.last) >= linesEvery && c.Pending > 0 {
		l.last = time.Now()
		l.say("%s", standing(c))
	}
}

func (l *lines) note(text string) { l.say("%s", text) }
func (l *lines) stop()            {}

// standing is how far an aggregation is, in words.
func standing(c gather.Counts) string {
	text := fmt.Sprintf("%d of %d done", c.Total-c.Pending, c.Total)
	if c.Failed > 0 {
		text += fmt.Sprintf(", %d failed", c.Failed)
	}
	if c.Canceled > 0 {
		text += fmt.Sprintf(", %d canceled", c.Canceled)
	}
	return text
}

// bar is a progress bar on a terminal.
type bar struct {
	pool *mpb.Progress
	bar  *mpb.Bar
	last atomic.Value // gather.Counts
}

func newBar(w io.Writer, c gather.Counts) *bar {
	b := &bar{pool: mpb.New(mpb.WithOutput(w), mpb.WithWidth(40), mpb.WithRefreshRate(100*time.Millisecond))}
	b.last.Store(c)
	b.bar = b.pool.New(int64(c.Total), mpb.BarStyle().Lbound("").Filler("█").Tip("").Padding("░").Rbound(""),
		mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Elapsed(decor.ET_STYLE_GO, decor.WC{W: 6, C: decor.DindentRight})),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return standing(b.last.Load().(gather.Counts)) })))
	b.counts(c)
	return b
}

// counts leaves the last step out: a bar that is complete is gone.
func (b *bar) counts(c gather.Counts) {
	b.last.Store(c)
	b.bar.SetCurrent(int64(min(c.Total-c.Pending, c.Total-1)))
}

func (b *bar) note(text string) {
	_, _ = fmt.Fprintf(b.pool, "gather: %s\n", printable(text, 0))
}

func (b *bar) stop() {
	b.bar.Abort(true)
	b.pool.Wait()
}
