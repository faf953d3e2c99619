package fetch

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"sync"
	"syscall"
)

// Errors of a wire, which say nothing of what a server sent.
var (
	errNoAnswer     = errors.New("the connection brought no answer")
	errLargeHeaders = fmt.Errorf("the headers are over %d bytes", maxHeaderBytes)
)

// wire is a connection that one request at a time uses, on the goroutine that asks.
type wire struct {
	*conn
	raw      syscall.RawConn // nil where the system shows no more of it than net.Conn does
	hostPort string
	idle     *idleConns    // where it goes between two requests
	idling   idling        // belongs to idle
	reader   *bufio.Reader // nil while nothing comes: most connections wait most of the time
	left     int64         // how many bytes may be read before the headers have to be over
}

// readers are those of the wires over which a response comes.
var readers = sync.Pool{New: func() any { return bufio.NewReader(nil) }}

func newWire(dialed net.Conn, hostPort string, idle *idleConns) *wire {
	w := &wire{conn: dialed.(*conn), hostPort: hostPort, idle: idle}
	if c, ok := w.Conn.(syscall.Conn); ok {
		w.raw, _ = c.SyscallConn() // fails for a connection that is closed, over which nothing comes anyway
	}
	return w
}

// isQuiet reports whether nothing has come over a connection: neither its end, nor bytes
// that would be taken for the next response. A request may be using it.
func (w *wire) isQuiet() bool {
	if w.raw == nil {
		return false
	}
	quiet := false
	err := w.raw.Control(func(fd uintptr) { quiet = !isReadable(fd) })
	return err == nil && quiet
}

// await returns when there is something to read, if only the connection's end. A
// connection that waits here needs no buffer.
func (w *wire) await() {
	if w.raw != nil {
		_ = w.raw.Read(isReadable) // the read to come fails likewise
	}
}

// Read implements [io.Reader] for the bufio.Reader alone.
func (w *wire) Read(p []byte) (int, error) {
	if w.left <= 0 {
		return 0, errLargeHeaders
	}
	n, err := w.conn.Read(p[:min(int64(len(p)), w.left)])
	w.left -= int64(n)
	return n, err
}

// roundTrip sends a request, whose head is all of it, and reads the headers of the
// response. The error is errNoAnswer where not one byte came. The connection is closed
// when ctx ends before the body of the response does.
func (w *wire) roundTrip(ctx context.Context, head []byte, req *http.Request, t *trace) (*http.Response, error) {
	stop := context.AfterFunc(ctx, func() { _ = w.Close() })
	t.reach(phaseSend)
	t.use(w.conn)
	t.wrote.Store(true)
	resp, err := w.exchange(head, req)
	if err != nil {
		stop()
		w.leave(false)
		return nil, err
	}
	body := &wireBody{wire: w, body: resp.Body, stop: stop, reusable: !resp.Close && resp.StatusCode > 199}
	if resp.Body == http.NoBody {
		body.end(true)
	} else {
		resp.Body = body
	}
	return resp, nil
}

func (w *wire) exchange(head []byte, req *http.Request) (*http.Response, error) {
	if _, err := w.Write(head); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	w.await()
	w.reader = readers.Get().(*bufio.Reader)
	w.reader.Reset(w)
	w.left = maxHeaderBytes
	if _, err := w.reader.Peek(1); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	for {
		resp, err := http.ReadResponse(w.reader, req)
		switch {
		case err != nil && w.left <= 0: // net/http may call it malformed that a line has no end
			return nil, errLargeHeaders
		case err != nil:
			return nil, err
		}
		if isInterim(resp) {
			continue
		}
		w.left = math.MaxInt64
		return resp, nil
	}
}

// isInterim reports whether another response follows (RFC 9110, section 15.2).
func isInterim(resp *http.Response) bool {
	return resp.StatusCode >= 100 && resp.StatusCode <= 199 && resp.StatusCode != http.StatusSwitchingProtocols
}

// leave ends the use of the connection by a request. It is kept for the next one if
// it may be and nothing came behind the response, else closed.
func (w *wire) leave(reusable bool) {
	if w.reader != nil {
		reusable = reusable && w.reader.Buffered() == 0
		w.reader.Reset(nil)
		readers.Put(w.reader)
		w.reader = nil
	}
	if !reusable {
		_ = w.Close()
		return
	}
	w.idle.put(w)
}

// wireBody is the body of a response that comes over a wire.
type wireBody struct {
	wire     *wire
	body     io.Reader
	stop     func() bool // keeps the connection from being closed when the request's context ends
	reusable bool        // another response may follow this one
	ended    error       // what there is to read once the connection is left; nil before
}

// Read implements [io.Reader].
func (b *wireBody) Read(p []byte) (int, error) {
	if b.ended != nil {
		return 0, b.ended
	}
	n, err := b.body.Read(p)
	if err == io.EOF {
		b.end(true)
	}
	return n, err
}

// Close implements [io.Closer]. It closes the connection as well if the body was not
// read to its end: nobody knows how much there still is. The body's own Close would
// read it all.
func (b *wireBody) Close() error {
	if b.ended == nil {
		b.end(false)
	}
	return nil
}

// end leaves the connection, of whose response the whole was read or not.
func (b *wireBody) end(whole bool) {
	b.ended = http.ErrBodyReadAfterClose
	if whole {
		b.ended = io.EOF
	}
	inTime := b.stop()
	b.wire.leave(whole && inTime && b.reusable)
}
