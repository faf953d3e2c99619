package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"gather"
	"gather/client"
)

func Example() {
	ctx := context.Background()
	c, err := client.New(gatherURL, client.WithKey(os.Getenv("GATHER_API_KEY")))
	if err != nil {
		log.Fatal(err)
	}
	agg, err := c.Create(ctx, &gather.Spec{URLs: []string{
		upstreamURL + "/?task_id=a&delay_ms=10",
		upstreamURL + "/?task_id=b&delay_ms=10",
	}}, client.WithWait(30*time.Second))
	if err != nil {
		log.Fatal(err)
	}
	if !agg.Status.Finished() { // it takes longer than clients may wait
		if agg, err = c.Wait(ctx, agg.ID); err != nil {
			log.Fatal(err)
		}
	}
	for _, result := range agg.Results {
		var body struct{ Message, TaskID string }
		_ = json.Unmarshal(result.Body, &body)
		fmt.Println(result.Index, result.Status, result.HTTPStatus, body.Message)
	}
	// Output:
	// 0 succeeded 200 Hello World
	// 1 succeeded 200 Hello World
}

func ExampleClient_Create() {
	c, err := client.New(gatherURL, client.WithKey(os.Getenv("GATHER_API_KEY")))
	if err != nil {
		log.Fatal(err)
	}
	once := 1
	agg, err := c.Create(context.Background(), &gather.Spec{
		Name: "nightly", Labels: map[string]string{"team": "search"},
		Concurrency: 2, Deadline: gather.After(time.Minute),
		Requests: []gather.Request{
			{Key: "fast", URL: upstreamURL + "/?delay_ms=1"},
			{Key: "slow", URL: upstreamURL + "/?delay_ms=5000", Timeout: gather.After(50 * time.Millisecond), Retry: &gather.Retry{MaxAttempts: &once}},
		},
	}, client.WithIdempotencyKey("nightly-2026-11-26"), client.WithWait(30*time.Second))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(agg.Name, agg.Status)
	for _, result := range agg.Results {
		if result.Error != nil {
			fmt.Println(result.Key, result.Error.Code)
		}
	}
	// Output:
	// nightly partial
	// slow http_response_timeout
}

func ExampleClient_Events() {
	ctx := context.Background()
	c, err := client.New(gatherURL, client.WithKey(os.Getenv("GATHER_API_KEY")))
	if err != nil {
		log.Fatal(err)
	}
	agg, err := c.Create(ctx, &gather.Spec{URLs: []string{
		upstreamURL + "/?delay_ms=1500",
		upstreamURL + "/?delay_ms=1",
	}})
	if err != nil {
		log.Fatal(err)
	}
	for event, err := range c.Events(ctx, agg.ID) {
		switch {
		case err != nil:
			log.Fatal(err)
		case event.Result != nil:
			fmt.Println("item", event.Result.Index, event.Result.Status)
		case event.Done != nil:
			fmt.Println(event.Done.Status)
		}
	}
	// Output:
	// item 1 succeeded
	// item 0 succeeded
	// succeeded
}

func ExampleClient_Results() {
	ctx := context.Background()
	c, err := client.New(gatherURL, client.WithKey(os.Getenv("GATHER_API_KEY")))
	if err != nil {
		log.Fatal(err)
	}
	urls := make([]string, 1000)
	for i := range urls {
		urls[i] = fmt.Sprintf("%s/?task_id=%d&delay_ms=1", upstreamURL, i)
	}
	agg, err := c.Create(ctx, &gather.Spec{URLs: urls})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := c.Wait(ctx, agg.ID, client.WithoutResults()); err != nil {
		log.Fatal(err)
	}
	inOrder, next := true, 0
	for result, err := range c.Results(ctx, agg.ID) { // one in memory at a time
		if err != nil {
			log.Fatal(err)
		}
		inOrder = inOrder && result.Index == next
		next++
	}
	fmt.Println(next, inOrder)
	// Output: 1000 true
}

func ExampleClient_List() {
	ctx := context.Background()
	c, err := client.New(gatherURL, client.WithKey(os.Getenv("GATHER_API_KEY")))
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range []string{"first", "second"} {
		spec := gather.Spec{URLs: []string{upstreamURL + "/?delay_ms=1"}, Name: name, Labels: map[string]string{"of": "example"}}
		if _, err := c.Create(ctx, &spec); err != nil {
			log.Fatal(err)
		}
	}
	for agg, err := range c.List(ctx, gather.Filter{Labels: map[string]string{"of": "example"}}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(agg.Name)
		if err := c.Delete(ctx, agg.ID); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// second
	// first
}

func ExampleProblem() {
	ctx := context.Background()
	c, err := client.New(gatherURL, client.WithKey(os.Getenv("GATHER_API_KEY")))
	if err != nil {
		log.Fatal(err)
	}
	_, err = c.Get(ctx, "agg_00000000000000000000000000")
	fmt.Println(errors.Is(err, gather.ErrNotFound))

	_, err = c.Create(ctx, &gather.Spec{URLs: []string{"https://example.com/", "example.com"}})
	var problem *client.Problem
	if errors.As(err, &problem) {
		for _, fault := range problem.Errors {
			fmt.Println(fault.Location, fault.Message)
		}
	}
	// Output:
	// true
	// body.urls[1] must be absolute, such as https://example.com/path
}
