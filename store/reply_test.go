package store

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"gather"
)

// TestClaim_outOfStep has Redis, or something in between, answer with what is no reply.
// The request in it must not get into an error, which is logged and kept with the task.
func TestClaim_outOfStep(t *testing.T) {
	const request = `{"headers":{"Authorization":"hunter2 \"quoted\" hunter2"}}`
	for name, answer := range map[string]string{
		"no type":         request + "\r\n",
		"no end of line":  request + "\n",
		"no number":       ":" + request + "\r\n",
		"no length":       "$" + request + "\r\n",
		"no array length": "*" + request + "\r\n",
		"in an array":     "*4\r\n:0\r\n" + request + "\r\n",
		"no float":        "," + request + "\r\n",
		"no bool":         "#" + request + "\r\n",
		"no big number":   "(" + request + "\r\n",
		"no verbatim":     "=5\r\n" + "hunter2" + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			rdb := redis.NewClient(&redis.Options{Protocol: 2, DisableIdentity: true, MaxRetries: -1, Dialer: func(context.Context, string, string) (net.Conn, error) {
				ours, theirs := net.Pipe()
				go answerScripts(theirs, answer)
				return ours, nil
			}})
			s := New(rdb)
			_, err := s.Claim(t.Context(), "agg_01JDZ8F9W3K2M4N6P8R0T2V4X6", []gather.Claim{{}})
			s.Close()
			_ = rdb.Close()
			if !errors.Is(err, gather.ErrUnavailable) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error %v, want one without the reply", err)
			}
		})
	}
}

// answerScripts refuses every command but the call of a script, and answers that.
func answerScripts(conn net.Conn, answer string) {
	defer func() { _ = conn.Close() }()
	lines := textproto.NewReader(bufio.NewReader(conn))
	for {
		header, err := lines.ReadLine()
		count, notNumber := strconv.Atoi(strings.TrimPrefix(header, "*"))
		if err != nil || notNumber != nil {
			return
		}
		var command []string
		for range 2 * count { // the length of each word, and the word
			word, err := lines.ReadLine()
			if err != nil {
				return
			}
			command = append(command, word)
		}
		if command[1] == "evalsha" {
			_, _ = io.WriteString(conn, answer)
			return
		}
		_, _ = io.WriteString(conn, "-ERR unknown command\r\n")
	}
}

func TestWithoutReplies(t *testing.T) {
	for message, want := range map[string]string{
		`redis: can't parse reply="a \"b\" c" reading string`: `redis: can't parse reply="…" reading string`,
		`sentinel: new master="m" addr="10.0.0.1:6379"`:       `sentinel: new master="m" addr="10.0.0.1:6379"`,
		`push: error: redis: can't parse push: "x"`:           `push: error: redis: can't parse push: "…"`,
		`strconv.ParseInt: parsing "x": invalid syntax`:       `strconv.ParseInt: parsing "…": invalid syntax`,
	} {
		if got := WithoutReplies(message); got != want {
			t.Errorf("%s became %s, want %s", message, got, want)
		}
	}
	if err := withoutReply(io.EOF); !errors.Is(err, io.EOF) {
		t.Errorf("%v is not what it was", err)
	}
}
