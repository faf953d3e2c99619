package redistest

import (
	"bufio"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// command sends one command and returns the first line of the answer.
func command(t *testing.T, s *Server, text string) (string, error) {
	t.Helper()
	conn, err := s.dial()
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(startTimeout))
	if _, err := conn.Write([]byte(text + "\r\n")); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	return strings.TrimSpace(line), err
}

func mustCommand(t *testing.T, s *Server, text string) string {
	t.Helper()
	answer, err := command(t, s, text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return answer
}

func TestLaunch(t *testing.T) {
	for name, launch := range map[string]func(testing.TB, ...string) *Server{"socket": Launch, "port": LaunchTCP} {
		t.Run("answers on a "+name, func(t *testing.T) {
			s := launch(t)
			if got := mustCommand(t, s, "PING"); got != "+PONG" {
				t.Errorf("PING = %q", got)
			}
		})
	}
	t.Run("takes lines of configuration", func(t *testing.T) {
		s := Launch(t, "databases 3")
		if got := mustCommand(t, s, "SELECT 3"); !strings.HasPrefix(got, "-ERR") {
			t.Errorf("SELECT 3 = %q", got)
		}
	})
	t.Run("is gone after its test", func(t *testing.T) {
		var s *Server
		var dir string
		t.Run("of its own", func(t *testing.T) {
			s = Launch(t)
			dir = s.dir
		})
		if answer, err := command(t, s, "PING"); err == nil {
			t.Errorf("PING = %q", answer)
		}
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			t.Errorf("%s is still there (%v)", dir, err)
		}
	})
}

func TestServer_Restart(t *testing.T) {
	s := Launch(t, "appendonly yes", "appendfsync always")
	if got := mustCommand(t, s, "SET color green"); got != "+OK" {
		t.Fatalf("SET = %q", got)
	}
	s.Kill()
	if answer, err := command(t, s, "PING"); err == nil {
		t.Fatalf("PING of a killed server = %q", answer)
	}
	s.Restart()
	if got := mustCommand(t, s, "STRLEN color"); got != ":5" {
		t.Errorf("STRLEN = %q, want what was kept on disk", got)
	}
}

func TestServer_Pause(t *testing.T) {
	s := Launch(t)
	s.Pause()
	conn, err := s.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = conn.Write([]byte("PING\r\n"))
	_ = conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	answer := make([]byte, 16)
	if n, err := conn.Read(answer); err == nil {
		t.Fatalf("a paused server answered %q", answer[:n])
	}
	s.Resume()
	_ = conn.SetReadDeadline(time.Now().Add(startTimeout))
	n, err := conn.Read(answer)
	if err != nil || string(answer[:n]) != "+PONG\r\n" {
		t.Errorf("after Resume: %q, %v", answer[:n], err)
	}
}
