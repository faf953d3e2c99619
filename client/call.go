package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"time"

	"gather"
)

// call is one operation of the API.
type call struct {
	what   string // for errors: "create an aggregation"
	method string
	path   []string
	query  url.Values
	header http.Header
	body   []byte
	wait   time.Duration // that the server is asked for
}

// maxTrailer bounds what may follow a document, which is a line's end.
const maxTrailer = 512

// errSilent ends an exchange in which the server has said nothing for too long.
var errSilent = fmt.Errorf("the server has said nothing for %v", silence)

// do makes a call, again where that may help, and decodes its answer, if there is
// somewhere to. again tells that the last attempt was not the first.
func (c *Client) do(ctx context.Context, o call, into any) (again bool, err error) {
	return c.brief(o.what).run(ctx, func() error { return c.once(ctx, o, into) })
}

// once makes one attempt.
func (c *Client) once(ctx context.Context, o call, into any) error {
	resp, err := c.open(ctx, o)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if into == nil {
		return nil
	}
	err = decode(resp.Body, into)
	_, _ = io.CopyN(io.Discard, resp.Body, maxTrailer) // whose end lets the connection be used again
	return err
}

// decode reads one JSON document.
func decode(r io.Reader, into any) error {
	err := json.NewDecoder(r).Decode(into)
	if agg, ok := into.(*gather.Aggregation); ok && err == nil && agg.ID == "" {
		return foreign(errors.New("an aggregation has an id"))
	}
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	var syntax *json.SyntaxError
	var mistyped *json.UnmarshalTypeError
	if errors.As(err, &syntax) || errors.As(err, &mistyped) {
		return foreign(err)
	}
	return err // of the connection
}

// foreignError is an answer that no Gather gives.
type foreignError struct{ err error }

func (e *foreignError) Error() string {
	return fmt.Sprintf("the answer is none of Gather's: %v; is the URL right?", e.err)
}
func (e *foreignError) Unwrap() error { return e.err }

func foreign(err error) error { return &foreignError{err} }

// open makes one attempt and leaves the answer's body to the caller, who closes it. A
// refusal is a [*Problem].
func (c *Client) open(ctx context.Context, o call) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	watch := time.AfterFunc(silence+o.wait, func() { cancel(errSilent) })
	resp, err := c.send(ctx, o)
	watch.Stop()
	if err != nil {
		if errors.Is(context.Cause(ctx), errSilent) {
			err = errSilent
		}
		cancel(nil)
		return nil, err
	}
	resp.Body = &watched{ReadCloser: resp.Body, ctx: ctx, cancel: cancel, timer: watch}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		defer func() { _ = resp.Body.Close() }()
		return nil, readProblem(resp)
	}
	return resp, nil
}

func (c *Client) send(ctx context.Context, o call) (*http.Response, error) {
	u := c.base.JoinPath(o.path...)
	u.RawQuery = o.query.Encode()
	req, err := http.NewRequestWithContext(ctx, o.method, u.String(), bytes.NewReader(o.body))
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, o.header)
	req.Header.Set("User-Agent", "gather-client")
	if len(o.body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	return c.http.Do(req)
}

// watched is a body whose server may not be silent for long. The time in which nobody
// reads does not count.
type watched struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

func (w *watched) Read(p []byte) (int, error) {
	w.timer.Reset(silence)
	n, err := w.ReadCloser.Read(p)
	w.timer.Stop()
	if err != nil && !errors.Is(err, io.EOF) && errors.Is(context.Cause(w.ctx), errSilent) {
		err = errSilent
	}
	return n, err
}

func (w *watched) Close() error {
	w.timer.Stop()
	w.cancel(nil)
	return w.ReadCloser.Close()
}
