package fetch

import "strings"

// streamError is how net/http hands out its HTTP/2 stream errors: errors.As fills
// any struct of these fields.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (e streamError) Error() string { return "HTTP/2 stream error" }

// HTTP/2 error codes (RFC 9113, section 7) that end a stream without accusing
// either side of breaking the protocol.
const (
	codeNoError         = 0x0
	codeInternalError   = 0x2
	codeRefusedStream   = 0x7
	codeCancel          = 0x8
	codeConnectError    = 0xa
	codeEnhanceYourCalm = 0xb
)

// protocol reports whether the stream ended over a breach of the protocol.
func (e streamError) protocol() bool {
	switch e.Code {
	case codeNoError, codeInternalError, codeRefusedStream, codeCancel, codeConnectError, codeEnhanceYourCalm:
		return false
	}
	return true
}

// unprocessed reports whether an HTTP/2 server said that it did nothing with the
// request (RFC 9113, section 8.7): it refused the stream, or was going away before
// it. Servers do the latter all the time, every so many requests. net/http would
// send such a request again by itself if it could, so it says so in words only.
func unprocessed(err error) bool {
	text := err.Error()
	return strings.HasPrefix(text, "http2: Transport received GOAWAY from server ErrCode:") ||
		strings.Contains(text, "cannot retry err [") &&
			(strings.Contains(text, "graceful shutdown GOAWAY]") || strings.Contains(text, "; REFUSED_STREAM; received from peer]")) ||
		strings.HasSuffix(text, "; REFUSED_STREAM; received from peer")
}
