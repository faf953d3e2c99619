package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/alecthomas/kong"

	"gather"
	"gather/client"
	"gather/internal/app"
)

// runCommand sends requests.
type runCommand struct {
	URLs []string `arg:"" optional:"" name:"url" help:"URLs to fetch; - is the same as -f -. {1..50} in one stands for the numbers from 1 to 50, also in a file, but not in JSON."`
	File []string `short:"f" sep:"none" placeholder:"FILE" help:"Read requests from a file, or from standard input with -: a URL a line, or a request as JSON, such as {\"url\": \"https://…\", \"key\": \"weather\", \"timeout\": \"2s\"}."`

	requestFlags `group:"Each request"`
	specFlags    `group:"All of them"`

	Wait           bool     `negatable:"" default:"true" help:"Wait for the end; --no-wait prints the ID and leaves it running."`
	IdempotencyKey string   `placeholder:"KEY" help:"Make it once: run again with the same key, it finds what it made before."`
	AllowNet       []string `env:"GATHER_ALLOW_NET" placeholder:"CIDR|HOST:PORT" group:"Without --server" help:"Private addresses that may be reached."`
	MaxBody        string   `env:"GATHER_MAX_BODY" placeholder:"1MiB" group:"Without --server" help:"Bytes kept of a response's body; the rest is cut."`
	showFlags      `group:"What is shown"`
}

// ofTheInside is the group of the flags of the Gather inside this process.
const ofTheInside = "Without --server"

// Run is the command.
func (c *runCommand) Run(s *session, given *kong.Context) error {
	if err := errors.Join(c.misplaced(s, given), c.readsOnce()); err != nil {
		return usage(err)
	}
	items, err := readItems(c.URLs, c.File, s.In)
	if err != nil {
		return err
	}
	spec, err := c.spec(items, &c.requestFlags, s.In)
	if err != nil {
		return err
	}
	if err := c.fits(s); err != nil {
		return err
	}
	return c.send(s, items, spec)
}

// send has the requests sent, and shows what comes of them.
func (c *runCommand) send(s *session, items []item, spec *gather.Spec) error {
	defer s.heed()()
	v, err := s.shown(&c.showFlags)
	if err != nil {
		return err
	}
	defer v.close()
	l, err := s.connectOrEmbed(app.EmbeddedFlags{AllowNet: c.AllowNet, MaxBody: c.MaxBody})
	if err != nil {
		return err
	}
	defer l.close()
	agg, err := l.Create(s.ctx, spec, c.options()...)
	switch {
	case errors.Is(err, context.Canceled) && !l.embedded:
		return c.unanswered(s)
	case err != nil:
		return refused(err, items)
	}
	if !c.Wait {
		return c.accepted(s, agg)
	}
	if !c.Quiet {
		s.say("%s: %s%s", agg.ID, counted(len(items), "request"), whereTo(l))
	}
	return s.follow(l, agg, v)
}

// fits refuses flags that make no sense together.
func (c *runCommand) fits(s *session) error {
	switch embedded := s.server.Server == ""; {
	case embedded && !c.Wait:
		return usagef("--no-wait needs a Gather that stays; give --server URL or set GATHER_URL")
	case embedded && c.IdempotencyKey != "":
		return usagef("--idempotency-key needs a Gather that stays; give --server URL or set GATHER_URL")
	case strings.ContainsFunc(c.IdempotencyKey, unicode.IsControl):
		return usagef("--idempotency-key must have no control characters, such as the end of a line")
	}
	return nil
}

// misplaced refuses flags of the Gather inside where there is none: they would do nothing.
// Variables may be set for all commands alike.
func (c *runCommand) misplaced(s *session, given *kong.Context) (err error) {
	if s.server.Server == "" {
		return nil
	}
	for _, part := range given.Path {
		if f := part.Flag; f != nil && f.Group != nil && f.Group.Key == ofTheInside {
			err = errors.Join(err, fmt.Errorf("--%s is for the Gather inside this process; with --server or GATHER_URL it is a flag of the workers there", f.Name))
		}
	}
	return err
}

// readsOnce refuses two that would read standard input: the second would find nothing.
func (c *runCommand) readsOnce() error {
	var readers []string
	for _, u := range c.URLs {
		if u == "-" {
			readers = append(readers, "-")
		}
	}
	for _, name := range c.File {
		if name == "-" {
			readers = append(readers, "-f -")
		}
	}
	if c.Data != nil && *c.Data == "@-" {
		readers = append(readers, "--data @-")
	}
	if c.JSON != nil && *c.JSON == "@-" {
		readers = append(readers, "--json @-")
	}
	if len(readers) > 1 {
		return fmt.Errorf("standard input can be read once; here are %s", strings.Join(readers, " and "))
	}
	return nil
}

func (c *runCommand) options() (opts []client.CreateOption) {
	if c.IdempotencyKey != "" {
		opts = append(opts, client.WithIdempotencyKey(c.IdempotencyKey))
	}
	return opts
}

// unanswered tells what may have become of requests whose acceptance was not waited for.
func (c *runCommand) unanswered(s *session) error {
	how := "look with: " + s.command("gather list")
	if c.IdempotencyKey != "" {
		how = "run it again with the same --idempotency-key"
	}
	s.say("interrupted before the server has answered; it may have accepted them, and goes on then; %s", how)
	return errLeft
}

// accepted prints what is left running.
func (c *runCommand) accepted(s *session, agg *gather.Aggregation) error {
	if c.Output == "table" {
		_, err := fmt.Fprintln(s.Out, agg.ID)
		return err
	}
	line, err := encode(agg)
	if err == nil {
		_, err = fmt.Fprintf(s.Out, "%s\n", line)
	}
	return err
}

func whereTo(l *link) string {
	if l.embedded {
		return ", from a Gather inside this process (--server names another)"
	}
	return ""
}

func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
