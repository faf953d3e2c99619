package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"gather"
)

// interrupted asks whoever sits at the terminal what to do; where nobody does, it leaves
// the aggregation running, or cancels it where it would end with this process.
func (f *follower) interrupted(ctx context.Context, sig os.Signal, signals <-chan os.Signal) error {
	interactive := sig == os.Interrupt && isTerminal(f.In) && isTerminal(f.Err)
	switch {
	case f.canceled, !interactive && !f.link.embedded:
		return f.leave()
	case !interactive:
		return f.cancel(ctx)
	}
	f.progress.stop()
	_, _ = fmt.Fprint(f.Err, f.question())
	select {
	case <-signals:
		_, _ = fmt.Fprintln(f.Err)
		return f.leave()
	case answer := <-f.answer():
		if answer == "y" || answer == "yes" {
			f.progress = silence{f.session}
			return f.cancel(ctx)
		}
	}
	f.progress = f.session.progress(f.agg.Counts, f.shown)
	return nil
}

func (f *follower) question() string {
	if f.link.embedded {
		return "\nStop, and show what has come so far? [y/N] (Ctrl-C again ends at once) "
	}
	return "\nCancel " + f.agg.ID + "? [y/N] (Ctrl-C again leaves it running) "
}

// answer reads one line. Nothing ends a read from a terminal but its end, or the process'.
func (f *follower) answer() <-chan string {
	answers := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(f.In).ReadString('\n') // nothing is no
		answers <- strings.ToLower(strings.TrimSpace(line))
	}()
	return answers
}

// cancel cancels the aggregation. Its end then comes as for any other.
func (f *follower) cancel(ctx context.Context) error {
	f.canceled = true
	_, err := f.link.Cancel(ctx, f.agg.ID)
	if errors.Is(err, gather.ErrFinished) { // it was faster
		return nil
	}
	return err
}

// leave ends the command, and says what becomes of the aggregation.
func (f *follower) leave() error {
	if f.progress != nil {
		f.progress.stop()
		f.progress = silence{f.session}
	}
	if f.link.embedded {
		f.say("%s ends here: the Gather was inside this process", f.agg.ID)
		return errLeft
	}
	what := "goes on"
	if f.agg.Status.Finished() {
		what = "has finished"
	}
	f.say("%s %s; come back with: %s", f.agg.ID, what, f.comeBack())
	return errLeft
}

// comeBack is the command that goes on where this one stops.
func (f *follower) comeBack() string { return f.command("gather wait " + f.agg.ID) }

// command is a command that goes to the same server.
func (s *session) command(command string) string {
	if s.server.Server == os.Getenv("GATHER_URL") {
		return command
	}
	if u, err := url.Parse(s.server.Server); err == nil {
		command += " --server " + u.Redacted()
	}
	return command
}
