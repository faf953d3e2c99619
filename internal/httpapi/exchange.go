package httpapi

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

const (
	// writeTimeout bounds the writing of one piece: a client that reads nothing for so
	// long is dropped, and so is one that reads less than a piece in it, over and over.
	writeTimeout = 10 * time.Second
	pieceSize    = 32 << 10
	// passTimeout bounds the arrival of a body that nobody wants. net/http passes
	// over it at the first write, so it must leave time to write.
	passTimeout = 5 * time.Second
)

// exchange is one request on its way, and the connection's end of its response:
// whatever the layers above make of an answer, it leaves through here.
type exchange struct {
	rw      http.ResponseWriter
	control *http.ResponseController
	request *http.Request

	id    string
	start time.Time
	// waited is the part of the time in which the client wanted to be held.
	waited time.Duration
	// status is 0 until the header is on its way.
	status int
	// begun tells that an answer has begun, if only above compression.
	begun bool
	// route is Echo's, "" before one was looked for.
	route string
	// handler gives the answer; nil where the routing has given it, or nothing was found.
	handler func(w http.ResponseWriter) error
}

type exchangeKey struct{}

// exchangeOf is the exchange of the request whose context, or one made of it, is ctx.
func exchangeOf(ctx context.Context) *exchange {
	return ctx.Value(exchangeKey{}).(*exchange)
}

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{rw: w, control: http.NewResponseController(w), start: time.Now(), id: requestID(r)}
	x.request = r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))
	defer a.trace(x)()
	x.setDeadlines()
	x.Header().Set("X-Request-Id", x.id)
	x.Header().Set("X-Content-Type-Options", "nosniff")
	defer a.cutOff(x.request.Context())
	defer a.logAccess(x.request.Context(), x)
	defer a.observe(x)
	a.routed.ServeHTTP(x, x.request)
	if x.handler != nil {
		x.Header().Del("Vary") // compression adds it once more
		a.answered.ServeHTTP(x, x.request)
	}
	// net/http still has to pass over a body that nobody has read, and to flush.
	_ = x.control.SetWriteDeadline(time.Now().Add(passTimeout + writeTimeout))
}

// setDeadlines replaces what the connection has of the server, or of the request
// before. Without a body there is none for reading: net/http would take its end
// for the client's, and a wait would end with it.
func (x *exchange) setDeadlines() {
	var arrival time.Time
	if x.request.ContentLength != 0 {
		arrival = time.Now().Add(passTimeout)
	}
	_ = x.control.SetReadDeadline(arrival)
	_ = x.control.SetWriteDeadline(time.Time{})
}

// Header is the response's header.
func (x *exchange) Header() http.Header { return x.rw.Header() }

// WriteHeader sends the header, with the time that it took until here.
func (x *exchange) WriteHeader(status int) {
	if x.status != 0 {
		return
	}
	if status >= http.StatusOK {
		x.status = status
		x.Header().Set("Server-Timing", x.timing())
		secureHTML(x.Header())
	}
	x.rw.WriteHeader(status)
}

// timing is the value of Server-Timing (https://www.w3.org/TR/server-timing).
func (x *exchange) timing() string {
	total := time.Since(x.start)
	if x.waited == 0 {
		return fmt.Sprintf("app;dur=%.3f", milliseconds(total))
	}
	return fmt.Sprintf("app;dur=%.3f, wait;dur=%.3f", milliseconds(total-x.waited), milliseconds(x.waited))
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// Write writes, and gives up where the client takes nothing of it for writeTimeout.
func (x *exchange) Write(b []byte) (n int, err error) {
	if x.status == 0 {
		x.WriteHeader(http.StatusOK)
	}
	for {
		wrote, err := x.writePiece(b[n:min(len(b), n+pieceSize)])
		n += wrote
		if err != nil || n == len(b) {
			return n, err
		}
	}
}

func (x *exchange) writePiece(b []byte) (int, error) {
	defer x.bounded()()
	return x.rw.Write(b)
}

// Flush has the client receive what is written so far.
func (x *exchange) Flush() {
	if x.status == 0 {
		x.WriteHeader(http.StatusOK)
	}
	defer x.bounded()()
	_ = x.control.Flush() // a connection that is gone shows at the next write
}

// bounded sets the write deadline and returns what lifts it: under HTTP/2 a
// deadline that passes between two writes would end the stream.
func (x *exchange) bounded() (lift func()) {
	if x.control.SetWriteDeadline(time.Now().Add(writeTimeout)) != nil {
		return func() {} // a recorder in a test
	}
	return func() { _ = x.control.SetWriteDeadline(time.Time{}) }
}

// Unwrap lets http.ResponseController find the connection.
func (x *exchange) Unwrap() http.ResponseWriter { return x.rw }

// committed reports whether a handler has begun its answer: another status can
// no longer be sent. Compression may hold it back still.
func (x *exchange) committed() bool {
	return x.status != 0 || x.begun
}

// headOnly reports whether the client wants no body.
func (x *exchange) headOnly() bool { return x.request.Method == http.MethodHead }

const maxRequestID = 128

// requestID is the client's where it may stand in a log, else a new one.
func requestID(r *http.Request) string {
	id := r.Header.Get("X-Request-Id")
	if id == "" || len(id) > maxRequestID || strings.ContainsFunc(id, notInRequestID) {
		return rand.Text()
	}
	return id
}

func notInRequestID(c rune) bool {
	alphanumeric := c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
	return !alphanumeric && !strings.ContainsRune("-_.:/+=", c)
}

// logAccess writes one line a request: no query and no header, which may hold secrets.
func (a *API) logAccess(ctx context.Context, x *exchange) {
	if !a.log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	a.log.LogAttrs(ctx, slog.LevelDebug, "request",
		slog.String("method", x.request.Method),
		slog.String("route", x.route),
		slog.Int("status", x.status),
		slog.Duration("elapsed", time.Since(x.start)),
		slog.String("request_id", x.id))
}
