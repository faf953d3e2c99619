package gather

import (
	"encoding/json"
	"time"
)

// ItemStatus is how one item ended, or stands.
type ItemStatus string

// The ways an item ends.
const (
	ItemSucceeded ItemStatus = "succeeded"
	ItemFailed    ItemStatus = "failed"
	ItemCanceled  ItemStatus = "canceled"
)

// The ways an item stands between its first attempt and its end.
const (
	// ItemFetching is at its first attempt.
	ItemFetching ItemStatus = "fetching"
	// ItemRetrying is at a further attempt, or waits for it.
	ItemRetrying ItemStatus = "retrying"
)

// Result is how one item ended. It is written once; only a retry of the whole
// aggregation replaces the result of an item that failed or was canceled.
type Result struct {
	// Index is the item's position in the input, from 0.
	Index int `json:"index" doc:"Position in the input, from 0."`
	// Key is the client's own name for the item.
	Key string `json:"key,omitempty" doc:"Your own name for the item."`
	// URL is the request's URL as the client sent it.
	URL string `json:"url" doc:"The URL as you sent it."`
	// Status is how the item ended.
	Status ItemStatus `json:"status" enum:"succeeded,failed,canceled" doc:"How the item ended."`
	// HTTPStatus is the last response's status code; 0 means that none came.
	HTTPStatus int `json:"http_status,omitempty" doc:"The last response's status code."`
	// ContentType is the last response's Content-Type.
	ContentType string `json:"content_type,omitempty" doc:"The last response's Content-Type."`
	// Body is the response's JSON, or its text as a JSON string.
	Body json.RawMessage `json:"body,omitempty" doc:"The response: JSON as JSON, text as a string."`
	// BodyBase64 stands in place of Body where the response is binary.
	BodyBase64 []byte `json:"body_base64,omitempty" doc:"The response where it is binary."`
	// StartedMS is when the first request was sent, in milliseconds from the aggregation's
	// creation; nil means that none was.
	StartedMS *int64 `json:"started_ms,omitempty" doc:"Milliseconds from the aggregation's created_at to the first attempt; only in streams with timing=true."`
	// ElapsedMS spans from the first request sent to the end of the last, in milliseconds.
	ElapsedMS float64 `json:"elapsed_ms" doc:"Milliseconds from the first attempt to the end of the last."`
	// LastAttemptMS is what the last attempt took of ElapsedMS; 0 where there was one alone.
	LastAttemptMS float64 `json:"last_attempt_ms,omitempty" doc:"What the last of several attempts took of elapsed_ms; only in streams with timing=true."`
	// Attempts counts the requests sent.
	Attempts int `json:"attempts" doc:"Requests sent."`
	// Truncated tells that the body was over the limit and is cut.
	Truncated bool `json:"truncated" doc:"The body was over the limit and is cut."`
	// Error says why the item did not succeed.
	Error *ItemError `json:"error,omitempty" doc:"Why the item did not succeed."`

	// Run counts the times that the client had retried the aggregation when the
	// result came about.
	Run int `json:"-"`
}

// ItemError says why an item did not succeed.
type ItemError struct {
	Code    ErrorCode `json:"code" doc:"Machine-readable reason; RFC 9209 proxy error types where one fits." example:"http_response_timeout"`
	Message string    `json:"message" doc:"The reason, for people."`
}

// ErrorCode is a machine-readable reason: the proxy error types of RFC 9209,
// section 2.3, where one fits, else one of Gather's own.
type ErrorCode string

// Reasons from RFC 9209, section 2.3.
const (
	CodeDNSTimeout              ErrorCode = "dns_timeout"
	CodeDNSError                ErrorCode = "dns_error"
	CodeDestinationIPProhibited ErrorCode = "destination_ip_prohibited"
	CodeDestinationUnroutable   ErrorCode = "destination_ip_unroutable"
	CodeConnectionRefused       ErrorCode = "connection_refused"
	CodeConnectionTerminated    ErrorCode = "connection_terminated"
	CodeConnectionTimeout       ErrorCode = "connection_timeout"
	CodeTLSProtocolError        ErrorCode = "tls_protocol_error"
	CodeTLSCertificateError     ErrorCode = "tls_certificate_error"
	CodeTLSAlertReceived        ErrorCode = "tls_alert_received"
	CodeHTTPRequestError        ErrorCode = "http_request_error"
	CodeHTTPResponseIncomplete  ErrorCode = "http_response_incomplete"
	CodeHTTPHeaderSectionSize   ErrorCode = "http_response_header_section_size"
	CodeHTTPTrailerSectionSize  ErrorCode = "http_response_trailer_section_size"
	CodeHTTPTransferCoding      ErrorCode = "http_response_transfer_coding"
	CodeHTTPContentCoding       ErrorCode = "http_response_content_coding"
	CodeHTTPResponseTimeout     ErrorCode = "http_response_timeout"
	CodeHTTPUpgradeFailed       ErrorCode = "http_upgrade_failed"
	CodeHTTPProtocolError       ErrorCode = "http_protocol_error"
	CodeProxyInternalError      ErrorCode = "proxy_internal_error"
	CodeProxyConfigurationError ErrorCode = "proxy_configuration_error"
)

// Gather's own reasons.
const (
	// CodeHTTPStatus is an answer with a status code that the client does not want.
	CodeHTTPStatus ErrorCode = "http_status"
	// CodeDeadlineExceeded is the end of the aggregation's deadline.
	CodeDeadlineExceeded ErrorCode = "deadline_exceeded"
	// CodeCanceled is the client's own cancel.
	CodeCanceled ErrorCode = "canceled"
	// CodeWorkerLost is a request whose workers died with it, again and again.
	CodeWorkerLost ErrorCode = "worker_lost"
)

// Milliseconds is d in the unit of every `…_ms` field, to the microsecond.
func Milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}
