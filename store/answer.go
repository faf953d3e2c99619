package store

import (
	"strconv"
	"strings"
	"time"

	"gather"
)

// answerFields is how many fields outcome in prelude.lua writes before the result lines.
const answerFields = 8

// answer makes of the message of its end, without the id, what a reading of the aggregation would
// have found. It returns nil where there is none in it, or the aggregation was not made here.
func answer(made *gather.Aggregation, news string) *readPart {
	head, lines, found := strings.Cut(news, "\n")
	fields := strings.Fields(head)
	if made == nil || !found || len(fields) != answerFields {
		return nil
	}
	var numbers [answerFields]int64
	for i := 1; i < answerFields; i++ {
		var err error
		if numbers[i], err = strconv.ParseInt(fields[i], 10, 64); err != nil {
			return nil
		}
	}
	agg := *made
	agg.Fetches = nil
	agg.Status = gather.Status(fields[0])
	started, finished, expires := gather.UnixMilli(numbers[1]), gather.UnixMilli(numbers[2]), gather.UnixMilli(numbers[3])
	agg.FinishedAt, agg.ExpiresAt = &finished, &expires
	if numbers[1] > 0 {
		agg.StartedAt = &started
	}
	agg.ElapsedMS = gather.Milliseconds(time.Duration(max(0, numbers[4])) * time.Microsecond)
	agg.Counts = gather.Counts{
		Total: made.Counts.Total, Succeeded: int(numbers[5]), Failed: int(numbers[6]), Canceled: int(numbers[7]),
	}
	part := &readPart{Aggregation: &agg, next: -1}
	for line := range strings.SplitSeq(lines, "\n") {
		part.lines = append(part.lines, line)
	}
	if len(part.lines) != agg.Counts.Total {
		return nil
	}
	return part
}
