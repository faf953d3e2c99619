package httpapi

import (
	"bytes"
	"slices"
	"strconv"

	"gather"
)

// scanned is what a look at a create's document finds before it is decoded:
// names given twice, of which encoding/json would mix the values, and lists so
// long that decoding them would cost far more memory than they come in.
type scanned struct {
	data   []byte
	faults []gather.Fault
	// surplusAt are the parts of lists beyond the limit: from, to.
	surplusAt [][2]int
	// requests counts the items of the list of that name.
	requests int
	// odd tells of something that encoding/json decodes and the schema may refuse:
	// an unknown name, or null or "" where it is no value.
	odd bool
}

func (s *scanned) surplus() bool { return len(s.surplusAt) > 0 }

// cut is the document with every list cut to the limit.
func (s *scanned) cut() []byte {
	for _, part := range slices.Backward(s.surplusAt) {
		s.data = slices.Delete(s.data, part[0], part[1])
	}
	return s.data
}

// scan looks through the parts of the document that have a meaning here; what
// requests carry as their own bodies is passed over. In a document that is no
// JSON it finds anything or nothing, but does come to an end.
func scan(data []byte, maxRequests int) scanned {
	s := scanner{scanned: scanned{data: data}}
	body := func() string { return "body" }
	s.object(body, func(name []byte) {
		switch string(name) {
		case "urls":
			s.items("body.urls", maxRequests, func(int) { s.skip() })
		case "requests":
			s.requests = s.items("body.requests", maxRequests, s.request)
		case "labels":
			s.object(below(body, name), s.text)
		case "priority":
			s.odd = s.odd || bytes.HasPrefix(s.rest(), []byte(`""`))
			s.skip()
		case "concurrency", "deadline", "retention", "name":
			s.skip()
		default:
			s.odd = true
			s.skip()
		}
	})
	return s.scanned
}

func (s *scanner) request(i int) {
	request := func() string { return "body.requests[" + strconv.Itoa(i) + "]" }
	s.object(request, func(name []byte) {
		switch string(name) {
		case "headers":
			s.object(below(request, name), s.text)
		case "retry":
			s.object(below(request, name), s.retry)
		case "url", "method", "body", "body_text", "key", "timeout", "expect_status":
			s.skip()
		default:
			s.odd = true
			s.skip()
		}
	})
}

func (s *scanner) retry(name []byte) {
	switch string(name) {
	case "max_attempts", "min_backoff", "max_backoff":
	default:
		s.odd = true
	}
	s.skip()
}

// text passes over a value that must be a string, and can't be left out with null.
func (s *scanner) text([]byte) {
	s.odd = s.odd || s.peek() != '"'
	s.skip()
}
