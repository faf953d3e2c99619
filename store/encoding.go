package store

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"gather"
)

// A stored request is four lines: the timeout of one attempt in ms, the opening
// of the item's result line, what it fetches (for people, without secrets), and
// the request as JSON. The scripts need the first three, and so need not parse JSON.
func encodeRequest(index int, r *gather.Request) ([]byte, error) {
	result := gather.Result{Index: index, Key: r.Key, URL: r.URL}
	opening := result.Opening()
	request, err := r.Line()
	if err != nil {
		return nil, err
	}
	stored := make([]byte, 0, 2*len(opening)+len(request)+32)
	stored = strconv.AppendInt(stored, r.AttemptTimeout().Milliseconds(), 10)
	stored = append(stored, '\n')
	stored = append(stored, opening...)
	stored = append(stored, '\n')
	stored = append(stored, fetchLabel(r)...)
	stored = append(stored, '\n')
	return append(stored, request...), nil
}

func decodeRequest(stored string) (gather.Request, error) {
	for range 3 {
		_, stored, _ = strings.Cut(stored, "\n")
	}
	return gather.ParseRequest(stored)
}

// fetchOf is what a stored request fetches, for people: its third line.
func fetchOf[T ~[]byte | ~string](stored T) string {
	lines := strings.Split(string(stored[:requestAt(stored)]), "\n")
	if len(lines) < 3 {
		return ""
	}
	return lines[2]
}

// fetchLabel says what a request fetches: its userinfo and the values of its
// query are secrets, and dashboards and logs show the label.
func fetchLabel(r *gather.Request) string {
	u, err := url.Parse(r.URL)
	if err != nil {
		return r.MethodOrGet()
	}
	label := r.MethodOrGet() + " " + u.Scheme + "://" + u.Host + u.EscapedPath()
	if u.RawQuery == "" {
		return label
	}
	var shown []string
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		name, _, named := strings.Cut(pair, "=")
		if !named { // it may as well be a value
			name = ""
		}
		shown = append(shown, name+"=***")
	}
	return label + "?" + strings.Join(shown, "&")
}

// decodeMeta reads an aggregation's hash; now is for the elapsed time of one that runs.
func decodeMeta(id string, m map[string]string, now time.Time) (*gather.Aggregation, error) {
	number := func(field string) int64 {
		n, _ := strconv.ParseInt(m[field], 10, 64)
		return n
	}
	agg := &gather.Aggregation{
		ID:        id,
		Name:      m["name"],
		Status:    gather.Status(m["status"]),
		Reason:    m["reason"],
		Owner:     m["owner"],
		Trace:     m["trace"],
		CreatedAt: gather.UnixMilli(number("created")),
		Priority:  gather.Priority(m["priority"]),
		Deadline:  time.Duration(number("deadline")) * time.Millisecond,
		Retries:   int(number("retries")),
		Counts: gather.Counts{
			Total:     int(number("total")),
			Succeeded: int(number("succeeded")),
			Failed:    int(number("failed")),
			Canceled:  int(number("canceled")),
		},
	}
	agg.Counts.Pending = agg.Counts.Total - agg.Counts.Succeeded - agg.Counts.Failed - agg.Counts.Canceled
	if err := json.Unmarshal([]byte(m["labels"]), &agg.Labels); err != nil {
		return nil, fmt.Errorf("labels of %s: %w", id, err)
	}
	if agg.Labels == nil { // stored as null
		agg.Labels = map[string]string{}
	}
	if _, started := m["started"]; started {
		t := gather.UnixMilli(number("started"))
		agg.StartedAt = &t
	}
	end := now.UnixMicro()
	if agg.Status.Finished() {
		end = number("finished_us")
		finished, expires := gather.UnixMilli(number("finished")), gather.UnixMilli(number("finished")+number("retention"))
		agg.FinishedAt, agg.ExpiresAt = &finished, &expires
	}
	elapsed := time.Duration(end-number("accepted_us")) * time.Microsecond
	agg.ElapsedMS = gather.Milliseconds(max(0, elapsed))
	return agg, nil
}

// subtaskFields is how many values a script returns of each subtask.
const subtaskFields = 5

// subtasks reads index, start, fetch, batch and items of each from a script's reply.
func subtasks(reply []any) []gather.Subtask {
	list := make([]gather.Subtask, 0, len(reply)/subtaskFields)
	for ; len(reply) >= subtaskFields; reply = reply[subtaskFields:] {
		list = append(list, gather.Subtask{
			Index: int(integer(reply[0])),
			Start: int(integer(reply[1])),
			Fetch: text(reply[2]),
			Batch: int(integer(reply[3])),
			Items: text(reply[4]),
		})
	}
	return list
}

func integer(v any) int64 {
	n, _ := v.(int64)
	return n
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func milliseconds(v any) time.Duration { return time.Duration(integer(v)) * time.Millisecond }
