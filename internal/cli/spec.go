package cli

import (
	"encoding/json"
	"io"
	"math"
	"os"
	"strings"

	"gather"
)

// mostRetries leaves one of the most attempts that a request may have.
const mostRetries = 99

// requestFlags say how requests are sent, where their lines do not say it themselves.
type requestFlags struct {
	Method       string           `short:"X" placeholder:"METHOD" help:"Request method; default GET, or POST where there is a body."`
	Header       []string         `short:"H" sep:"none" placeholder:"NAME: VALUE" help:"Header to send; may be repeated for others. Several values of one header go in one, as 'Accept: text/html, text/plain'."`
	Data         *string          `short:"d" placeholder:"TEXT|@FILE" help:"Text to send as the body, as it is; @FILE reads it from a file, @- from standard input. Its Content-Type is text/plain; charset=utf-8, unless -H says another."`
	JSON         *string          `name:"json" placeholder:"JSON|@FILE" help:"Body to send as application/json."`
	Timeout      *gather.Duration `placeholder:"10s" help:"Bound on one attempt."`
	Retries      *int             `placeholder:"2" help:"How often to try again what failed in a way that may pass. Given, it holds for POST and PATCH, too."`
	ExpectStatus []int            `placeholder:"200" help:"Status codes that count as success; default 200 to 299."`
}

// specFlags say what holds for all requests together.
type specFlags struct {
	Concurrency int               `short:"c" placeholder:"N" help:"Most requests in flight at once; 0: no bound, 1: one after another."`
	Deadline    *gather.Duration  `placeholder:"5m" help:"Bound on all of it: what is unfinished then counts as failed."`
	Retention   *gather.Duration  `placeholder:"24h" help:"How long the server keeps the results."`
	Priority    string            `enum:"high,default,low" default:"default" help:"How urgent it is: high, default or low."`
	Name        string            `placeholder:"NAME" help:"Your own name for it."`
	Label       map[string]string `mapsep:"none" placeholder:"KEY=VALUE" help:"Your own label, which list filters by; may be repeated."`
}

// spec builds what to ask for.
func (f *specFlags) spec(items []item, r *requestFlags, stdin io.Reader) (*gather.Spec, error) {
	if err := r.apply(items, stdin); err != nil {
		return nil, err
	}
	spec := &gather.Spec{
		Concurrency: f.Concurrency, Deadline: f.Deadline, Retention: f.Retention, Priority: gather.Priority(f.Priority),
		Name: f.Name, Labels: f.Label, Requests: make([]gather.Request, len(items)),
	}
	for i := range items {
		spec.Requests[i] = items[i].Request
	}
	// How many requests are too many, the server alone knows.
	if faults := append(spec.Unwritable(), spec.Validate(math.MaxInt)...); len(faults) > 0 {
		return nil, inOurWords(faults, items)
	}
	return spec, nil
}

// apply gives each request what its line has not said.
func (f *requestFlags) apply(items []item, stdin io.Reader) error {
	text, document, err := f.body(stdin)
	if err != nil {
		return err
	}
	headers, err := f.headers()
	if err != nil {
		return err
	}
	if f.Retries != nil && (*f.Retries < 0 || *f.Retries > mostRetries) {
		return usagef("--retries %d must be 0 to %d", *f.Retries, mostRetries)
	}
	for i := range items {
		r := &items[i].Request
		if r.Body == nil && r.BodyText == "" {
			r.BodyText, r.Body = text, document
		}
		if r.Method == "" {
			r.Method = f.method(r)
		}
		r.Headers = merged(headers, r.Headers)
		if r.Timeout == nil {
			r.Timeout = f.Timeout
		}
		if r.Retry == nil && f.Retries != nil {
			attempts := *f.Retries + 1
			r.Retry = &gather.Retry{MaxAttempts: &attempts}
		}
		if len(r.ExpectStatus) == 0 {
			r.ExpectStatus = f.ExpectStatus
		}
	}
	return nil
}

// method is that of a request whose line names none. --data of nothing is an empty body.
func (f *requestFlags) method(r *gather.Request) string {
	if f.Method == "" && (r.Body != nil || r.BodyText != "" || f.Data != nil) {
		return "POST"
	}
	return f.Method
}

// body is what --data or --json stand for.
func (f *requestFlags) body(stdin io.Reader) (text string, document json.RawMessage, err error) {
	switch {
	case f.Data != nil && f.JSON != nil:
		return "", nil, usagef("give --data or --json, not both")
	case f.Data != nil:
		text, err = contentOf("--data", *f.Data, stdin)
		return text, nil, err
	case f.JSON == nil:
		return "", nil, nil
	}
	raw, err := contentOf("--json", *f.JSON, stdin)
	if err != nil {
		return "", nil, err
	}
	if !json.Valid([]byte(raw)) {
		return "", nil, usagef("--json: this is not JSON; --data sends any text")
	}
	return "", json.RawMessage(raw), nil
}

// contentOf is a value, or what is in the file that it names with an @.
func contentOf(flag, value string, stdin io.Reader) (string, error) {
	name, named := strings.CutPrefix(value, "@")
	if !named {
		return value, nil
	}
	read := func() ([]byte, error) { return os.ReadFile(name) } //nolint:gosec // the user says which file to read
	if name == "-" {
		read = func() ([]byte, error) { return io.ReadAll(stdin) }
	}
	content, err := read()
	if err != nil {
		return "", usagef("%s: %w", flag, err)
	}
	return string(content), nil
}

// headers reads --header. Their values are secrets, so no message repeats them.
func (f *requestFlags) headers() (map[string]string, error) {
	given := gather.Request{Headers: make(map[string]string, len(f.Header))}
	for _, header := range f.Header {
		name, value, found := strings.Cut(header, ":")
		if !found {
			return nil, usagef("--header: must be 'Name: value'")
		}
		if name = strings.TrimSpace(name); given.HasHeader(name) {
			return nil, usagef("--header: %s is given twice; give its values in one, as '%s: %s'", name, name, severalOf(name))
		}
		given.Headers[name] = strings.TrimSpace(value)
	}
	return given.Headers, nil
}

// severalOf shows how several values of a header stand in one (RFC 9110, section 5.3, and
// RFC 6265, section 4.2).
func severalOf(name string) string {
	if strings.EqualFold(name, "Cookie") {
		return "a=1; b=2"
	}
	return "a, b"
}

// merged are the headers of a line, and those of the flags that it does not have.
func merged(flags, own map[string]string) map[string]string {
	if len(flags) == 0 {
		return own
	}
	all := make(map[string]string, len(flags)+len(own))
	line := gather.Request{Headers: own}
	for name, value := range flags {
		if !line.HasHeader(name) {
			all[name] = value
		}
	}
	for name, value := range own {
		all[name] = value
	}
	return all
}
