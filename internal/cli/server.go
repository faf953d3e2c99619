package cli

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"gather/client"
	"gather/internal/app"
)

const (
	// retryFor is how long a call is tried again: who sits in front of it wants to know.
	retryFor = 5 * time.Second
	// maxOutage is how long a server may be away from what is followed.
	maxOutage = 2 * time.Minute
	// noteEvery bounds how often an outage is told.
	noteEvery = 5 * time.Second
)

// serverFlags say where the Gather is.
type serverFlags struct {
	Server string `env:"GATHER_URL" placeholder:"URL" help:"The Gather to use, such as http://127.0.0.1:8080. Without one, run starts its own inside this process, for the time of the command."`
	Key    string `env:"GATHER_API_KEY" placeholder:"KEY" help:"API key. Better given as the variable: flags show in the list of processes."`
}

// link is the way to a Gather.
type link struct {
	*client.Client
	embedded bool
	close    func()

	mu   sync.Mutex
	told time.Time    // when an outage was told last
	note func(string) // tells it
}

// connect makes a client of the server that is named.
func (s *session) connect() (*link, error) {
	if s.server.Server == "" {
		return nil, usagef("this needs a Gather; give --server URL or set GATHER_URL, such as http://127.0.0.1:8080")
	}
	return s.linkTo(s.server.Server, s.server.Key)
}

// connectOrEmbed is connect, or starts a Gather inside this process where none is named.
func (s *session) connectOrEmbed(f app.EmbeddedFlags) (*link, error) {
	if s.server.Server != "" {
		return s.connect()
	}
	embedded, err := app.StartEmbedded(s.ctx, f)
	if err != nil && s.ctx.Err() != nil {
		return nil, s.ctx.Err()
	}
	if err != nil {
		return nil, usage(err)
	}
	l, err := s.linkTo(embedded.URL(), embedded.Key())
	if err != nil {
		_ = embedded.Stop()
		return nil, err
	}
	l.embedded = true
	hangUp := l.close
	l.close = func() {
		hangUp()
		if err := embedded.Stop(); err != nil {
			s.say("the Gather inside this process has ended early: %v", err)
		}
	}
	return l, nil
}

func (s *session) linkTo(url, key string) (*link, error) {
	l := &link{note: func(text string) { s.say("%s", text) }}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	l.close = transport.CloseIdleConnections
	var err error
	l.Client, err = client.New(url, client.WithKey(key), client.WithHTTPClient(&http.Client{Transport: transport}),
		client.WithRetryFor(retryFor), client.WithMaxOutage(maxOutage), client.WithNotify(l.outage))
	if err != nil {
		return nil, usagef("--server and --key, or GATHER_URL and GATHER_API_KEY: %w", err)
	}
	return l, nil
}

// outage tells of an attempt that failed, now and then.
func (l *link) outage(err error, _ time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.told) >= noteEvery {
		l.told = time.Now()
		l.note(fmt.Sprintf("trying again: %v", err))
	}
}

// tell has outages told by another, until it is given back.
func (l *link) tell(note func(string)) (back func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.note
	l.note = note
	return func() { l.tell(before) }
}

// using does something with the server that is named.
func (s *session) using(do func(*link) error) error {
	defer s.heed()()
	l, err := s.connect()
	if err != nil {
		return err
	}
	defer l.close()
	return refused(do(l), nil)
}

// refused explains what the server says no to. Faults it tells by where the items, if
// there are any, come from.
func refused(err error, items []item) error {
	var p *client.Problem
	if !errors.As(err, &p) {
		return err
	}
	switch p.Status {
	case http.StatusUnauthorized:
		return fmt.Errorf("%w; give --key, or better set GATHER_API_KEY", err)
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		if len(p.Errors) > 0 {
			return usage(inOurWords(p.Errors, items))
		}
		return usage(err)
	}
	return err
}
