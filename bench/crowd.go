package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// dialersAtOnce bounds how fast a crowd comes.
const dialersAtOnce = 32

// crowd is many clients that wait for the same answer, each on a connection of its
// own. They are as light as can be: the machine is the server's too.
type crowd struct {
	conns   []net.Conn
	answers chan crowdAnswer
	count   atomic.Int64
}

type crowdAnswer struct {
	at   time.Time
	body []byte
	err  error
}

// gatherCrowd has so many clients send the request, and returns when all have.
func gatherCrowd(ctx context.Context, base, path string, clients int) (*crowd, error) {
	address := strings.TrimPrefix(base, "http://")
	request := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, address)
	c := &crowd{conns: make([]net.Conn, clients), answers: make(chan crowdAnswer, clients)}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(dialersAtOnce)
	for i := range c.conns {
		group.Go(func() error {
			var dialer net.Dialer
			conn, err := dialer.DialContext(groupCtx, "tcp", address)
			if err != nil {
				return err
			}
			c.conns[i] = conn
			if _, err := conn.Write(request); err != nil {
				return err
			}
			go c.listen(conn)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		c.disperse()
		return nil, err
	}
	return c, nil
}

func (c *crowd) listen(conn net.Conn) {
	resp, err := http.ReadResponse(bufio.NewReaderSize(conn, 1<<10), nil)
	if err != nil {
		c.answers <- crowdAnswer{err: err}
		return
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, body)
	}
	c.count.Add(1)
	c.answers <- crowdAnswer{at: time.Now(), body: body, err: err}
}

// answered is how many have an answer.
func (c *crowd) answered() int { return int(c.count.Load()) }

// await returns the time from the aggregation's finish to the last answer, when all
// have it and it is right.
func (c *crowd) await(ctx context.Context) (time.Duration, error) {
	var last time.Time
	answers := make([]crowdAnswer, len(c.conns))
	for i := range answers {
		select {
		case answers[i] = <-c.answers:
		case <-ctx.Done():
			return 0, fmt.Errorf("%d of %d clients have an answer: %w", i, len(answers), ctx.Err())
		}
		if answers[i].at.After(last) {
			last = answers[i].at
		}
	}
	var finished time.Time
	for _, a := range answers {
		if a.err != nil {
			return 0, a.err
		}
		var agg aggregation
		if err := json.Unmarshal(a.body, &agg); err != nil {
			return 0, err
		}
		if err := agg.check(1); err != nil {
			return 0, err
		}
		finished = agg.FinishedAt
	}
	if finished.IsZero() {
		return 0, errors.New("no answer says when the aggregation finished")
	}
	return last.Sub(finished), nil
}

// disperse closes the connections.
func (c *crowd) disperse() {
	for _, conn := range c.conns {
		if conn != nil {
			_ = conn.Close()
		}
	}
}
