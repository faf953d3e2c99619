package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"gather"
)

// scanner walks through JSON without decoding it.
type scanner struct {
	scanned
	at int
}

// path builds a location, once there is a fault to place.
type path func() string

func below(parent path, name []byte) path {
	return func() string { return parent() + "." + string(name) }
}

// object calls member at the value of each of the object's members, and notes
// names that come again. Anything but an object is passed over.
func (s *scanner) object(at path, member func(name []byte)) {
	if s.peek() != '{' {
		s.skip()
		return
	}
	s.at++
	var names nameSet
	for s.peek() == '"' {
		name := unescaped(s.quoted())
		if !names.add(name) && len(s.faults) <= maxFaults {
			s.faults = append(s.faults, gather.Fault{Location: at() + "." + string(name), Message: "is given twice"})
		}
		s.pass(':')
		member(name)
		s.pass(',')
	}
	s.pass('}')
}

// items calls item at each item of the list, up to the limit, and notes the
// rest. It counts those up to the limit.
func (s *scanner) items(location string, limit int, item func(i int)) (count int) {
	if s.peek() != '[' {
		s.skip()
		return 0
	}
	s.at++
	n, surplus := 0, 0
	for c := s.peek(); c != ']' && c != 0; c = s.peek() {
		before := s.at
		if n < limit {
			item(n)
		} else {
			s.skip()
		}
		if n++; n == limit {
			surplus = s.at
		}
		s.pass(',')
		if s.at == before {
			return 0 // no JSON: nothing here can be passed
		}
	}
	if n > limit {
		s.surplusAt = append(s.surplusAt, [2]int{surplus, s.at})
		s.faults = append(s.faults, gather.Fault{
			Location: location,
			Message:  fmt.Sprintf("%d items are over the limit of %d; split the list, or have the server started with a higher --max-requests", n, limit),
		})
	}
	s.pass(']')
	return min(n, limit)
}

// rest is what follows, white space aside.
func (s *scanner) rest() []byte {
	s.peek()
	return s.data[s.at:]
}

// peek is the next byte that is no white space; 0 at the end.
func (s *scanner) peek() byte {
	for ; s.at < len(s.data); s.at++ {
		switch c := s.data[s.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) pass(c byte) {
	if s.peek() == c {
		s.at++
	}
}

// quoted passes over a string and returns what is between its quotes.
func (s *scanner) quoted() []byte {
	s.at++
	start := s.at
	for {
		end := bytes.IndexByte(s.data[s.at:], '"')
		if end < 0 {
			s.at = len(s.data)
			return s.data[start:]
		}
		s.at += end + 1
		backslashes := 0
		for i := s.at - 2; i >= start && s.data[i] == '\\'; i-- {
			backslashes++
		}
		if backslashes%2 == 0 {
			return s.data[start : s.at-1]
		}
	}
}

// skip passes over one value.
func (s *scanner) skip() {
	depth := 0
	for {
		switch s.peek() {
		case 0:
			return
		case '"':
			s.quoted()
		case '{', '[':
			depth++
			s.at++
		case '}', ']':
			if depth == 0 {
				return // no value here
			}
			depth--
			s.at++
		case ',', ':':
			if depth == 0 {
				return
			}
			s.at++
			continue
		default:
			s.scalar()
		}
		if depth == 0 {
			return
		}
	}
}

// scalar passes over a number or a name such as null.
func (s *scanner) scalar() {
	for ; s.at < len(s.data); s.at++ {
		switch s.data[s.at] {
		case ' ', '\t', '\r', '\n', ',', ':', '{', '}', '[', ']', '"':
			return
		}
	}
}

func unescaped(name []byte) []byte {
	if bytes.IndexByte(name, '\\') < 0 {
		return name
	}
	var s string
	if json.Unmarshal(slices.Concat([]byte(`"`), name, []byte(`"`)), &s) != nil {
		return name
	}
	return []byte(s)
}

// nameSet is a set of names: a short list, as it nearly always is, or a map.
type nameSet struct {
	short [12][]byte
	count int
	long  map[string]bool
}

// add reports whether the name is new.
func (n *nameSet) add(name []byte) bool {
	if n.long != nil {
		known := n.long[string(name)]
		n.long[string(name)] = true
		return !known
	}
	for _, other := range n.short[:n.count] {
		if bytes.Equal(other, name) {
			return false
		}
	}
	if n.count < len(n.short) {
		n.short[n.count] = name
		n.count++
		return true
	}
	n.long = map[string]bool{string(name): true}
	for _, other := range n.short {
		n.long[string(other)] = true
	}
	return true
}
