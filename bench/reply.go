package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// reply is what the upstream answers.
type reply struct {
	Message string `json:"message"`
	TaskID  string `json:"task_id"`
}

// check makes sure that r is the answer to the item.
func (r *reply) check(index int) error {
	if r.Message != "Hello World" || r.TaskID != strconv.Itoa(index) {
		return fmt.Errorf("item %d holds %+v", index, *r)
	}
	return nil
}

func checkAll(replies []reply) error {
	for i := range replies {
		if err := replies[i].check(i); err != nil {
			return err
		}
	}
	return nil
}

// itemURL is what is fetched for the item.
func itemURL(upstream string, index int, delay time.Duration) string {
	return fmt.Sprintf("http://%s/api/?task_id=%d&delay_ms=%d", upstream, index, delay.Milliseconds())
}

func itemURLs(upstream string, n int, delay time.Duration) []string {
	urls := make([]string, n)
	for i := range urls {
		urls[i] = itemURL(upstream, i, delay)
	}
	return urls
}

// newHTTPClient returns a client that keeps a connection for each of so many
// requests at once. Compression is off: on loopback it only costs.
func newHTTPClient(concurrency int) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext:         (&net.Dialer{}).DialContext,
		MaxIdleConnsPerHost: concurrency,
		MaxConnsPerHost:     concurrency,
		DisableCompression:  true,
	}}
}

// fetch returns the body of a GET that is answered with 200.
func fetch(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s", url, resp.Status)
	}
	return body, nil
}

func fetchReply(ctx context.Context, client *http.Client, url string) (r reply, err error) {
	body, err := fetch(ctx, client, url)
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(body, &r)
}
