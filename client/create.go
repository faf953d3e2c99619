package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"gather"
)

// CreateOption changes one [Client.Create].
type CreateOption func(*creation)

type creation struct {
	key  string
	wait time.Duration
}

// WithIdempotencyKey has the aggregation made under a key of yours, 1 to 256 characters,
// instead of a random one: with it, a program that starts anew finds what it made before.
// The same key with another spec is [gather.ErrKeyReused], and one with control characters
// an error. Keys are remembered for 24 h.
func WithIdempotencyKey(key string) CreateOption { return func(c *creation) { c.key = key } }

// WithWait has the call wait for the end, for so long in whole seconds, and at most as
// long as the server lets clients wait, which is 60 s by default. Look at Status: what has
// not finished by then comes back as it stands.
func WithWait(d time.Duration) CreateOption { return func(c *creation) { c.wait = d } }

// Create has the requests of the spec sent. It returns as soon as they are accepted, or
// with [WithWait] when they are done, then with their results. What is accepted will be
// done, also if everything restarts. It is safe to repeat: see [WithIdempotencyKey].
// Text that is not UTF-8, and a Body that is not JSON, are errors: nothing is sent.
func (c *Client) Create(ctx context.Context, spec *gather.Spec, opts ...CreateOption) (*gather.Aggregation, error) {
	o := creation{key: rand.Text()}
	for _, opt := range opts {
		opt(&o)
	}
	if !validHeader(o.key) {
		return nil, fmt.Errorf("create an aggregation: the idempotency key %w", errHeader)
	}
	if err := writable(spec); err != nil {
		return nil, fmt.Errorf("create an aggregation: %w", err)
	}
	body, err := encode(spec)
	if err != nil {
		return nil, fmt.Errorf("create an aggregation: %w", err)
	}
	request := call{
		what: "create an aggregation", method: http.MethodPost, path: pathTo("")[:2],
		header: http.Header{"Idempotency-Key": {o.key}}, body: body,
	}
	if o.wait > 0 {
		request.wait = o.wait
		request.header.Set("Prefer", "wait="+strconv.FormatInt(int64(math.Ceil(o.wait.Seconds())), 10))
	}
	agg := new(gather.Aggregation)
	_, err = c.do(ctx, request, agg)
	return orNil(agg, err)
}

// writable says what of the spec would arrive as something else, or could not be sent.
func writable(spec *gather.Spec) error {
	if spec == nil {
		return errors.New("the spec is nil")
	}
	var list []error
	for _, fault := range spec.Unwritable() {
		list = append(list, fmt.Errorf("%s %s", strings.TrimPrefix(fault.Location, "body."), fault.Message))
	}
	return errors.Join(list...)
}

// encode writes the spec once: a repetition must have the same bytes.
func encode(spec *gather.Spec) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(spec)
	return b.Bytes(), err
}

func orNil(agg *gather.Aggregation, err error) (*gather.Aggregation, error) {
	if err != nil {
		return nil, err
	}
	return agg, nil
}
