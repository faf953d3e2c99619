package fetch

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"gather"
)

// dns tells what went wrong with the lookup of the name.
func (w where) dns(err error) *fault {
	var e *net.DNSError
	switch {
	case !errors.As(err, &e):
		return nil
	case e.IsTimeout:
		return w.fault(gather.CodeDNSTimeout, "the lookup of %s got no answer in time", w.name)
	case e.IsNotFound:
		return w.fault(gather.CodeDNSError, "%s is not known in DNS; check the host's name", w.name)
	}
	return w.fault(gather.CodeDNSError, "the lookup of %s failed", w.name)
}

// system tells what the operating system said.
func (w where) system(err error) *fault {
	switch {
	case isAny(err, syscall.ECONNREFUSED):
		return w.fault(gather.CodeConnectionRefused, "%s refused the connection", w.host)
	case isAny(err, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.ENETDOWN, syscall.EACCES, syscall.EPERM):
		return w.fault(gather.CodeDestinationUnroutable, "there is no route from the worker to %s", w.host)
	case isAny(err, syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.EADDRNOTAVAIL):
		return w.fault(gather.CodeProxyInternalError,
			"the worker has no files or ports left for a connection; lower its --concurrency or raise its limits")
	}
	return nil
}

// tls tells what went wrong in TLS, at any time.
func (w where) tls(err error) *fault {
	var cert *tls.CertificateVerificationError
	var op *net.OpError
	switch {
	case errors.As(err, &cert):
		return w.permanent(gather.CodeTLSCertificateError, "the certificate of %s %s", w.host, flaw(cert.Err))
	case errors.As(err, &op) && op.Op == "remote error":
		alert := strings.TrimPrefix(op.Err.Error(), "tls: ")
		return w.fault(gather.CodeTLSAlertReceived, "%s ended TLS with the alert %q", w.host, alert)
	case errors.As(err, &op) && op.Op == "local error":
		return w.fault(gather.CodeTLSProtocolError, "%s broke the rules of TLS", w.host)
	}
	return nil
}

// flaw says what is wrong with a certificate.
func flaw(err error) string {
	var name x509.HostnameError
	var issuer x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &name):
		return "is made out to another name"
	case errors.As(err, &issuer):
		return "is signed by an authority that the worker does not know"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "has expired or is not valid yet"
	}
	return "is not valid"
}

// brokenOff reports whether a connection ended before its time.
func brokenOff(err error) bool {
	if isAny(err, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed,
		syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED, syscall.ETIMEDOUT) {
		return true
	}
	text := err.Error()
	return strings.Contains(text, "http: server closed idle connection") ||
		strings.Contains(text, "http2: server sent GOAWAY and closed the connection") ||
		strings.Contains(text, "http2: client conn") // lost, force closed, not usable, …
}

func isAny(err error, targets ...error) bool {
	for _, target := range targets {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}
