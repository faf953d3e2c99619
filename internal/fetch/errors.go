package fetch

import (
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"gather"
)

// fault is why there is no complete answer.
type fault struct {
	code      gather.ErrorCode
	message   string
	permanent bool // trying again can't help
}

// where is what a fault's message may tell: nothing of the request but host and
// port. So no message holds an error of net/http, which quotes URLs and answers.
type where struct {
	phase   phase
	host    string // as in the URL, port included where it is given
	name    string // host without port
	timeout time.Duration
}

func (w where) fault(code gather.ErrorCode, format string, args ...any) *fault {
	return &fault{code: code, message: fmt.Sprintf(format, args...)}
}

func (w where) permanent(code gather.ErrorCode, format string, args ...any) *fault {
	return &fault{code: code, message: fmt.Sprintf(format, args...), permanent: true}
}

// timedOut is the end of the attempt's time.
func (w where) timedOut() *fault {
	switch w.phase {
	case phaseLookup:
		return w.fault(gather.CodeDNSTimeout, "the lookup of %s took longer than %v", w.name, w.timeout)
	case phaseStart, phaseConnect:
		return w.fault(gather.CodeConnectionTimeout, "no connection to %s within %v", w.host, w.timeout)
	case phaseHandshake:
		return w.fault(gather.CodeConnectionTimeout, "no TLS connection to %s within %v", w.host, w.timeout)
	case phaseSend:
		return w.fault(gather.CodeHTTPResponseTimeout, "no answer within %v", w.timeout)
	}
	return w.fault(gather.CodeHTTPResponseTimeout, "the answer was not complete within %v", w.timeout)
}

func (w where) terminated() *fault {
	switch w.phase {
	case phaseBody:
		return w.fault(gather.CodeHTTPResponseIncomplete, "%s broke off in the middle of the answer", w.host)
	case phaseHandshake: // see mostHandshakes
		return w.fault(gather.CodeConnectionTerminated, "%s takes no request over any connection", w.host)
	}
	return w.fault(gather.CodeConnectionTerminated, "%s closed the connection without an answer", w.host)
}

// classify names what went wrong, apart from the ends of the contexts. What can
// be told by its type comes first; then it depends on how far the hop had come.
func (w where) classify(err error) *fault {
	for _, known := range []func(error) *fault{w.dns, w.system, w.tls} {
		if f := known(err); f != nil {
			return f
		}
	}
	switch w.phase {
	case phaseStart:
		return w.permanent(gather.CodeHTTPRequestError, "the request can't be sent as it is; check its URL and headers")
	case phaseLookup, phaseConnect, phaseHandshake:
		return w.connecting(err)
	case phaseSend:
		return w.answering(err)
	}
	return w.reading(err)
}

// connecting tells why there is no connection.
func (w where) connecting(err error) *fault {
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return w.fault(gather.CodeConnectionTimeout, "no connection to %s in time", w.host)
	case brokenOff(err):
		return w.fault(gather.CodeConnectionTerminated, "%s closed the connection before it was ready", w.host)
	case w.phase == phaseHandshake:
		return w.fault(gather.CodeTLSProtocolError, "%s does not speak TLS that the worker understands; is it an http:// address?", w.host)
	}
	return w.fault(gather.CodeProxyInternalError, "the worker could not connect to %s", w.host)
}

// answering tells why no headers came over a connection.
func (w where) answering(err error) *fault {
	var reset streamError
	switch text := err.Error(); {
	case errors.Is(err, errLargeHeaders),
		strings.Contains(text, "server response headers exceeded"),         // HTTP/1
		strings.Contains(text, "header list larger than advertised limit"), // HTTP/2
		strings.Contains(text, "header list too large"):                    // HTTP/2, interim responses
		return w.permanent(gather.CodeHTTPHeaderSectionSize, "the headers of the answer are over %d KiB", maxHeaderBytes>>10)
	case brokenOff(err), unprocessed(err), errors.As(err, &reset) && !reset.protocol():
		return w.terminated()
	case strings.Contains(text, "unsupported transfer encoding"), strings.Contains(text, "too many transfer encodings"):
		return w.fault(gather.CodeHTTPTransferCoding, "the answer of %s is in a transfer coding other than chunked", w.host)
	case text == "connection error: PROTOCOL_ERROR": // HTTP/2, and all that net/http says of headers far over the limit
		return w.fault(gather.CodeHTTPProtocolError,
			"the answer of %s is not valid HTTP/2, or its headers are far over %d KiB", w.host, maxHeaderBytes>>10)
	}
	return w.fault(gather.CodeHTTPProtocolError, "the answer of %s is not valid HTTP", w.host)
}

// reading tells why a body ended early.
func (w where) reading(err error) *fault {
	var reset streamError
	var corrupt flate.CorruptInputError
	var chunked *chunkedError
	switch {
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.As(err, &corrupt):
		return w.fault(gather.CodeHTTPContentCoding, "the answer of %s is not the gzip that it says it is", w.host)
	case brokenOff(err), errors.As(err, &reset):
		return w.terminated()
	case strings.Contains(err.Error(), "suspiciously long trailer"):
		return w.fault(gather.CodeHTTPTrailerSectionSize, "the trailers of the answer of %s are too long", w.host)
	case errors.As(err, &chunked):
		return w.fault(gather.CodeHTTPTransferCoding, "the answer of %s comes in chunks that are not valid", w.host)
	}
	return w.fault(gather.CodeHTTPProtocolError, "the answer of %s is not valid HTTP", w.host)
}
