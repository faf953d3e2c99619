// Package cli is the command gather: what it understands, how it shows what comes of it,
// and its exit codes. It talks to a Gather through package client, and runs one inside
// itself where none is named.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/alecthomas/kong"

	"gather/internal/app"
)

// Streams are where the command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// session is one run of the command.
type session struct {
	Streams
	ctx    context.Context // ends at the first signal that is heeded
	server serverFlags
}

// commands are all that the command understands.
type commands struct {
	serverFlags
	Version    kong.VersionFlag  `help:"Print the version and exit."`
	Run        runCommand        `cmd:"" help:"Send requests side by side and show what comes back."`
	Get        getCommand        `cmd:"" help:"Show an aggregation as it stands."`
	Wait       waitCommand       `cmd:"" help:"Follow an aggregation until it has finished, and show it."`
	Events     eventsCommand     `cmd:"" help:"Print what happens to an aggregation, as it happens."`
	List       listCommand       `cmd:"" help:"List aggregations, the newest first."`
	Retry      retryCommand      `cmd:"" help:"Run the failed and canceled items again, and follow them."`
	Cancel     cancelCommand     `cmd:"" help:"Cancel an aggregation; what has come so far is kept."`
	Delete     deleteCommand     `cmd:"" help:"Delete an aggregation; one that runs is canceled."`
	Completion completionCommand `cmd:"" help:"Print what makes a shell complete this command."`
}

const description = `Gather sends many HTTP requests side by side and gives one ordered answer.

Exit codes: 0 all succeeded; 1 some failed or were canceled, also by an interrupt that cancels; 2 the command, or what it asks for, is wrong; 3 the server refused otherwise, is out of reach, or results could not be written; 130 interrupted: what a server has accepted goes on.`

// Run is cmd/gather. It returns the exit code.
func Run(args []string, streams Streams) int {
	var c commands
	parser := newParser(&c, streams)
	if len(args) > 0 && args[0] == completeCommand {
		complete(parser, args[1:], streams.Out)
		return exitOK
	}
	switch {
	case len(args) == 0:
		return showHelp(&c, streams.Err)
	case args[0] == "help":
		args = append(slices.Clone(args[1:]), "--help")
	}
	if err := areText(args); err != nil {
		return report(streams.Err, err)
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return report(streams.Err, usage(err))
	}
	s := &session{Streams: streams, ctx: context.Background(), server: c.serverFlags}
	return report(streams.Err, parsed.Run(s))
}

// showHelp is for a command line that says nothing.
func showHelp(c *commands, w io.Writer) int {
	empty, err := kong.Trace(newParser(c, Streams{Out: w, Err: w}), nil)
	if err == nil {
		err = empty.PrintUsage(false)
	}
	if err != nil {
		return report(w, usage(err))
	}
	return exitUsage
}

// areText refuses arguments that would be read as something else: on their way through
// the parser, and later as JSON, each byte that is not UTF-8 is replaced.
func areText(args []string) error {
	for i, arg := range args {
		if !utf8.ValidString(arg) {
			return usagef("argument %d must be text in UTF-8", i+1)
		}
	}
	return nil
}

// heed has the first signal from here on end s.ctx. Before, a signal ends the process:
// nothing is under way, and nothing else ends the reading of standard input.
func (s *session) heed() (stop context.CancelFunc) {
	s.ctx, stop = signal.NotifyContext(s.ctx, os.Interrupt, syscall.SIGTERM)
	return stop
}

// Model is what the command takes: its subcommands, flags, variables and defaults.
func Model() *kong.Application {
	return newParser(new(commands), Streams{Out: io.Discard, Err: io.Discard}).Model
}

func newParser(c *commands, streams Streams) *kong.Kong {
	parser, err := kong.New(c, kong.Name("gather"), kong.Description(description), kong.Writers(streams.Out, streams.Err),
		kong.Vars{"version": "gather " + app.Version()}, kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true}))
	if err != nil {
		panic(err) // the commands are part of the binary
	}
	return parser
}

// Exit codes.
const (
	exitOK          = 0
	exitSomeFailed  = 1
	exitUsage       = 2
	exitServer      = 3
	exitInterrupted = 130
)

// failure is an error with the exit code that it means.
type failure struct {
	err  error
	code int
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// usage is for what is wrong with the command or what it reads.
func usage(err error) error { return &failure{err, exitUsage} }

func usagef(format string, args ...any) error { return usage(fmt.Errorf(format, args...)) }

var (
	// errSomeFailed ends a command that has already shown what failed.
	errSomeFailed = errors.New("some failed")
	// errLeft ends a command that has already said that it leaves an aggregation running.
	errLeft = errors.New("interrupted")
)

// report says what went wrong, and returns the exit code. What no command has given a
// code has gone wrong at the server, or on the way to it or from it.
func report(w io.Writer, err error) int {
	var f *failure
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errSomeFailed):
		return exitSomeFailed
	case errors.Is(err, errLeft):
		return exitInterrupted
	case errors.As(err, &f):
		complain(w, f)
		return f.code
	}
	if errors.Is(err, context.Canceled) { // by a signal: nothing else does
		complain(w, errLeft)
		return exitInterrupted
	}
	complain(w, err)
	return exitServer
}

// complain writes a message, its further lines indented.
func complain(w io.Writer, err error) {
	_, _ = fmt.Fprintf(w, "gather: %s\n", strings.ReplaceAll(printable(err.Error(), '\n'), "\n", "\n  "))
}

// say tells something that is no result.
func (s *session) say(format string, args ...any) {
	_, _ = fmt.Fprintf(s.Err, "gather: %s\n", printable(fmt.Sprintf(format, args...), 0))
}

// printable replaces control characters, with which servers could steer the terminal, but
// for one that is meant.
func printable(text string, meant rune) string {
	return strings.Map(func(c rune) rune {
		if c != meant && (c < ' ' || c >= 0x7f && c < 0xa0 || c == '\u2028' || c == '\u2029') {
			return '\ufffd'
		}
		return c
	}, text)
}
