package metrics

import "gather"

// outcomes are the classes of error codes, so that the series of fetches are few.
var outcomes = map[string][]gather.ErrorCode{
	"success":    {""},
	"status":     {gather.CodeHTTPStatus},
	"timeout":    {gather.CodeDNSTimeout, gather.CodeConnectionTimeout, gather.CodeHTTPResponseTimeout},
	"dns":        {gather.CodeDNSError},
	"connection": {gather.CodeDestinationUnroutable, gather.CodeConnectionRefused, gather.CodeConnectionTerminated},
	"tls":        {gather.CodeTLSProtocolError, gather.CodeTLSCertificateError, gather.CodeTLSAlertReceived},
	"prohibited": {gather.CodeDestinationIPProhibited},
	"request":    {gather.CodeHTTPRequestError},
	"response": {
		gather.CodeHTTPResponseIncomplete, gather.CodeHTTPHeaderSectionSize, gather.CodeHTTPTrailerSectionSize,
		gather.CodeHTTPTransferCoding, gather.CodeHTTPContentCoding, gather.CodeHTTPUpgradeFailed,
		gather.CodeHTTPProtocolError,
	},
	"canceled": {gather.CodeCanceled, gather.CodeDeadlineExceeded},
	"internal": {gather.CodeProxyInternalError, gather.CodeProxyConfigurationError, gather.CodeWorkerLost},
}

// otherOutcome is the class of codes that no class has.
const otherOutcome = "internal"

// perCode finds what belongs to a code, without an allocation.
type perCode[T any] struct {
	known map[gather.ErrorCode]T
	other T
}

// newPerCode makes one of each class.
func newPerCode[T any](of func(outcome string) T) perCode[T] {
	p := perCode[T]{known: make(map[gather.ErrorCode]T)}
	for outcome, codes := range outcomes {
		one := of(outcome)
		if outcome == otherOutcome {
			p.other = one
		}
		for _, code := range codes {
			p.known[code] = one
		}
	}
	return p
}

func (p perCode[T]) of(code gather.ErrorCode) T {
	if one, known := p.known[code]; known {
		return one
	}
	return p.other
}
