package httpapi

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"gather"
)

// maxFaults bounds an answer: 10,000 bad items need no 10,000 lines.
const maxFaults = 100

// clipped bounds a location: the names in it are the client's.
func clipped(location string) string {
	const longest = 256
	if len(location) <= longest {
		return location
	}
	cut := longest
	for !utf8.RuneStart(location[cut]) {
		cut--
	}
	return location[:cut] + "…"
}

// findings are the faults of one body, by who found them.
type findings struct {
	// names are of fields given twice.
	names []gather.Fault
	// types and schema are huma's: values of a wrong type, and all else.
	types, schema []gather.Fault
	// numbers are values that the schema lets pass and Go's types don't hold.
	numbers []gather.Fault
	// rules are of gather.Spec.Validate; more tells that it stopped at its limit.
	rules []gather.Fault
	more  bool
}

// merged lists every fault once. A value of a wrong type decodes as none, so what
// the rules say of it or of anything inside it is no news; and where both the
// schema and the rules object to a value, the rules say it better.
func (f *findings) merged() []gather.Fault {
	undecoded := locations(f.types)
	ruled := locations(f.rules)
	all := slices.Concat(f.names, f.types)
	for _, fault := range f.schema {
		if !ruled[fault.Location] {
			all = append(all, fault)
		}
	}
	for _, fault := range f.numbers {
		if !within(undecoded, fault.Location) && !encloses(f.types, fault.Location) {
			all = append(all, fault)
			undecoded[fault.Location] = true
		}
	}
	known := locations(all)
	for _, fault := range f.rules {
		if !within(undecoded, fault.Location) && !known[fault.Location] && !f.noItemsBecauseMistyped(fault) {
			all = append(all, fault)
		}
	}
	return firstOf(all, f.more)
}

// noItemsBecauseMistyped tells of "give urls or requests" where one was given, as something else.
func (f *findings) noItemsBecauseMistyped(fault gather.Fault) bool {
	return fault.Location == "body" && slices.ContainsFunc(f.types, func(t gather.Fault) bool {
		return t.Location == "body.urls" || t.Location == "body.requests"
	})
}

func locations(faults []gather.Fault) map[string]bool {
	set := make(map[string]bool, len(faults))
	for _, f := range faults {
		set[f.Location] = true
	}
	return set
}

// within reports whether the set has the location or one around it.
func within(set map[string]bool, location string) bool {
	for location != "" {
		if set[location] {
			return true
		}
		location = location[:max(0, strings.LastIndexAny(location, ".["))]
	}
	return false
}

// encloses reports whether one of the faults is inside of the location.
func encloses(faults []gather.Fault, location string) bool {
	return slices.ContainsFunc(faults, func(f gather.Fault) bool {
		rest, ok := strings.CutPrefix(f.Location, location)
		return ok && rest != "" && (rest[0] == '.' || rest[0] == '[')
	})
}

// firstOf sorts the faults by their place in the body and keeps the first hundred.
func firstOf(faults []gather.Fault, more bool) []gather.Fault {
	slices.SortFunc(faults, func(a, b gather.Fault) int {
		return cmp.Or(compareLocations(a.Location, b.Location), strings.Compare(a.Message, b.Message))
	})
	faults = slices.Compact(faults) // a field may be given thrice
	if len(faults) > maxFaults {
		faults, more = faults[:maxFaults:maxFaults], true
	}
	for i := range faults {
		faults[i].Location = clipped(faults[i].Location)
	}
	if more {
		faults = append(faults, gather.Fault{
			Location: "body", Message: "there are more faults than these; mend them and send again",
		})
	}
	return faults
}

// compareLocations orders as people count: requests[9] before requests[10].
func compareLocations(a, b string) int {
	for a != "" && b != "" {
		x, y := digits(a), digits(b)
		if x > 0 && y > 0 {
			if c := cmp.Or(cmp.Compare(x, y), cmp.Compare(a[:x], b[:y])); c != 0 {
				return c
			}
			a, b = a[x:], b[y:]
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}

// digits counts the digits that s starts with.
func digits(s string) int {
	return len(s) - len(strings.TrimLeft(s, "0123456789"))
}
