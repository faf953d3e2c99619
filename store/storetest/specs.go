package storetest

import (
	"fmt"
	"time"

	"gather"
)

// specOf is a spec of n items.
func specOf(n int) *gather.Spec {
	spec := &gather.Spec{}
	for i := range n {
		spec.URLs = append(spec.URLs, urlOf(i))
	}
	return spec
}

// cappedSpec is a spec of n items, of which at most c are in flight at once.
func cappedSpec(n, c int) *gather.Spec {
	spec := specOf(n)
	spec.Concurrency = c
	return spec
}

// briefSpec is a spec of n items whose attempts last a millisecond at most.
func briefSpec(n, c int) *gather.Spec {
	spec := &gather.Spec{Concurrency: c}
	for i := range n {
		spec.Requests = append(spec.Requests, gather.Request{URL: urlOf(i), Timeout: gather.After(time.Millisecond)})
	}
	return spec
}

// longSpec is a spec of n items with the longest deadline, to be aged under it.
func longSpec(n, c int) *gather.Spec {
	spec := cappedSpec(n, c)
	spec.Deadline = gather.After(gather.MaxDeadline)
	return spec
}

func urlOf(i int) string { return fmt.Sprintf("https://example.com/items/%d", i) }

func succeeded(i int) gather.Result {
	return gather.Result{
		Index: i, URL: urlOf(i), Status: gather.ItemSucceeded, HTTPStatus: 200,
		ContentType: "application/json", Body: fmt.Appendf(nil, `{"item":%d}`, i), ElapsedMS: 1.5, Attempts: 1,
	}
}

func failed(i int) gather.Result {
	return gather.Result{
		Index: i, URL: urlOf(i), Status: gather.ItemFailed, HTTPStatus: 500, ElapsedMS: 2.5, Attempts: 3,
		Error: &gather.ItemError{Code: gather.CodeHTTPStatus, Message: "the server answered 500"},
	}
}

func indexesOf(list []gather.Subtask) []int {
	indexes := make([]int, 0, len(list))
	for _, t := range each(list) {
		indexes = append(indexes, t.Index)
	}
	return indexes
}

// each is the subtasks with their batches taken apart.
func each(list []gather.Subtask) []gather.Subtask {
	var items []gather.Subtask
	for i := range list {
		batch, err := list[i].Each()
		if err != nil {
			panic(err)
		}
		items = append(items, batch...)
	}
	return items
}

func upTo(n int) []int {
	indexes := make([]int, 0, n)
	for i := range n {
		indexes = append(indexes, i)
	}
	return indexes
}
