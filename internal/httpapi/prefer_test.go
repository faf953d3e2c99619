package httpapi

import (
	"math"
	"testing"
	"time"
)

func TestParsePrefer(t *testing.T) {
	wait := func(d time.Duration) preferences { return preferences{wait: d, waits: true} }
	for _, c := range []struct {
		headers []string
		want    preferences
	}{
		{nil, preferences{}},
		{[]string{""}, preferences{}},
		{[]string{"wait=10"}, wait(10 * time.Second)},
		{[]string{"WAIT=10"}, wait(10 * time.Second)},
		{[]string{"wait = 10 "}, wait(10 * time.Second)},
		{[]string{`wait="10"`}, wait(10 * time.Second)},
		{[]string{`wait="1\0"`}, wait(10 * time.Second)},
		{[]string{"wait=10; foo; bar=x"}, wait(10 * time.Second)},
		{[]string{`foo="a, wait=1; \", wait=2", wait=3`}, wait(3 * time.Second)},
		{[]string{"handling=lenient", "wait=4"}, wait(4 * time.Second)},
		{[]string{"wait=5, wait=6", "wait=7"}, wait(5 * time.Second)},
		{[]string{"wait=x, wait=6"}, preferences{}}, // the first counts
		{[]string{"wait=0"}, wait(0)},
		{[]string{"wait=9223372036854775807"}, wait(math.MaxInt64)},
		{[]string{"wait=99999999999999999999999"}, wait(math.MaxInt64)},
		{[]string{"wait=10", "respond-async"}, preferences{wait: 10 * time.Second, waits: true, async: true}},
		{[]string{"Respond-Async, wait=10"}, preferences{wait: 10 * time.Second, waits: true, async: true}},
		{[]string{`respond-async=""`}, preferences{async: true}},
		{[]string{"respond-async;x"}, preferences{async: true}},
		{[]string{"wait"}, preferences{}},
		{[]string{"wait="}, preferences{}},
		{[]string{"wait=-1"}, preferences{}},
		{[]string{"wait=+1"}, preferences{}},
		{[]string{"wait=1.5"}, preferences{}},
		{[]string{"wait=1s"}, preferences{}},
		{[]string{"wait=１"}, preferences{}},
		{[]string{`wait="1`}, preferences{}},
		{[]string{`wait="1"0`}, preferences{}},
		{[]string{"wait=1 0"}, preferences{}},
		{[]string{"wait: 10"}, preferences{}},
		{[]string{"a b, wait=8"}, wait(8 * time.Second)},
		{[]string{",,, wait=8,"}, wait(8 * time.Second)},
	} {
		if got := parsePrefer(c.headers); got != c.want {
			t.Errorf("%q: %+v, want %+v", c.headers, got, c.want)
		}
	}
}

// FuzzParsePrefer finds headers that crash, or make a wait that is none.
func FuzzParsePrefer(f *testing.F) {
	for _, seed := range []string{"wait=10", `a="b\"c";d, wait=1`, `wait="`, "respond-async,wait=99999999999999999999", "\\", `"\`, "=;=,"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		p := parsePrefer([]string{first, second})
		if p.wait < 0 || p.wait > 0 && !p.waits {
			t.Errorf("%q, %q: %+v", first, second, p)
		}
		if d, ok := waitParam(first).parse(); ok && d < 0 {
			t.Errorf("%q: %v", first, d)
		}
	})
}

func TestMatchTag(t *testing.T) {
	const tag = `"agg_1.0.1a.results"`
	for header, want := range map[string]string{
		tag: tag, "W/" + tag: tag, `"x", ` + tag: tag, "*": tag, `"agg_1.0.1a.results-gzip"`: `"agg_1.0.1a.results-gzip"`, `W/"agg_1.0.1a.results-zstd"`: `"agg_1.0.1a.results-zstd"`,
		`"agg_1.0.1a.results-br"`: "", `"agg_1.0.1a.result"`: "", "agg_1.0.1a.results": "", "": "", `"a,b"`: "",
	} {
		if got, ok := matchTag([]string{`"other"`, header}, tag); got != want || ok != (want != "") {
			t.Errorf("%s: %s, %v", header, got, ok)
		}
	}
}
