package redistest

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
)

// The ports that servers are given. Those of outgoing connections are above, so that none
// of these takes a server's place while it restarts.
const (
	firstPort = 15_000
	lastPort  = 32_000
)

// given are the ports that were given out in this process, each once.
var given sync.Map

// FreePort chooses a port of 127.0.0.1 that nobody listens on.
func FreePort(tb testing.TB) string {
	tb.Helper()
	var config net.ListenConfig
	for range 1000 {
		port := strconv.Itoa(firstPort + rand.IntN(lastPort-firstPort))
		if _, taken := given.LoadOrStore(port, true); taken {
			continue
		}
		listener, err := config.Listen(context.Background(), "tcp", net.JoinHostPort("127.0.0.1", port))
		if err == nil {
			_ = listener.Close()
			return port
		}
	}
	tb.Fatal("redistest: no free port")
	return ""
}

// onFreePorts starts servers on ports of their choice, and again on others where someone
// else took one between its choice and the start.
func onFreePorts(tb testing.TB, start func() error) {
	tb.Helper()
	var err error
	for range 10 {
		if err = start(); !errors.Is(err, errAddressInUse) {
			break
		}
	}
	if err != nil {
		tb.Fatal(err)
	}
}
