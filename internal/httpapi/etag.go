package httpapi

import (
	"fmt"
	"strings"

	"gather"
)

// encodedSuffixes are what compression appends to an entity tag: a strong one
// stands for the bytes that are sent (RFC 9110, section 8.8.3).
var encodedSuffixes = []string{"-gzip", "-zstd"}

// entityTag is the strong tag of a finished aggregation. Nothing of it changes
// any more, unless the client retries it.
func entityTag(agg *gather.Aggregation, results bool) string {
	form := "summary"
	if results {
		form = "results"
	}
	var finished int64
	if agg.FinishedAt != nil {
		finished = agg.FinishedAt.UnixMilli()
	}
	return fmt.Sprintf(`"%s.%d.%x.%s"`, agg.ID, agg.Retries, finished, form)
}

// matchTag looks for the tag, in any encoding, in If-None-Match, and returns it
// as the client knows it. Weak comparison: for GET it is enough to mean the same.
func matchTag(headers []string, tag string) (string, bool) {
	for _, header := range headers {
		for candidate := range elements(header, ',') {
			if candidate == "*" {
				return tag, true
			}
			candidate = strings.TrimPrefix(candidate, "W/")
			plain := candidate
			for _, suffix := range encodedSuffixes {
				if rest, ok := strings.CutSuffix(candidate, suffix+`"`); ok {
					plain = rest + `"`
				}
			}
			if plain == tag {
				return candidate, true
			}
		}
	}
	return "", false
}
