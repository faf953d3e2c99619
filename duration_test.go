package gather_test

import (
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gather"
)

func TestDuration_UnmarshalText(t *testing.T) {
	cases := map[string]struct {
		text string
		want gather.Duration
	}{
		"a fraction of a second":          {"1.5s", gather.Duration(1500 * time.Millisecond)},
		"minutes":                         {"2m", gather.Duration(2 * time.Minute)},
		"several units":                   {"1h2m3s", gather.Duration(time.Hour + 2*time.Minute + 3*time.Second)},
		"zero needs no unit":              {"0", 0},
		"less than zero is a duration":    {"-1s", gather.Duration(-time.Second)},
		"the longest there is":            {"2562047h47m16.854775807s", gather.Duration(1<<63 - 1)},
		"nothing is none":                 {"", gather.InvalidDuration},
		"a number alone is none":          {"10", gather.InvalidDuration},
		"a word is none":                  {"soon", gather.InvalidDuration},
		"days are none":                   {"1d", gather.InvalidDuration},
		"a blank within is none":          {"1 s", gather.InvalidDuration},
		"one too long to be kept is none": {"2562048h", gather.InvalidDuration},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := gather.Duration(42) // what was there before doesn't matter
			if err := got.UnmarshalText([]byte(c.text)); err != nil {
				t.Fatalf("UnmarshalText(%q): %v; it leaves faults to Validate", c.text, err)
			}
			if got != c.want {
				t.Errorf("UnmarshalText(%q) = %v, want %v", c.text, got.Std(), c.want.Std())
			}
		})
	}
}

func TestDuration_JSON(t *testing.T) {
	type document struct {
		D *gather.Duration `json:"d,omitempty"`
	}
	cases := map[string]struct {
		text    string
		want    *gather.Duration
		wantErr bool
	}{
		"text is read":                     {text: `{"d":"2m"}`, want: gather.After(2 * time.Minute)},
		"left out is none given":           {text: `{}`},
		"null is none given":               {text: `{"d":null}`},
		"a number is refused":              {text: `{"d":5}`, wantErr: true},
		"text that is none hurts no other": {text: `{"d":"soon"}`, want: after(gather.InvalidDuration)},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var got document
			if err := json.Unmarshal([]byte(c.text), &got); (err != nil) != c.wantErr {
				t.Fatalf("Unmarshal(%s): error %v, want one: %v", c.text, err, c.wantErr)
			}
			if c.wantErr {
				return
			}
			if c.want == nil && got.D != nil || c.want != nil && (got.D == nil || *got.D != *c.want) {
				t.Errorf("Unmarshal(%s) = %v, want %v", c.text, got.D, c.want)
			}
		})
	}
	text, err := json.Marshal(document{gather.After(90 * time.Second)})
	if want := `{"d":"1m30s"}`; err != nil || string(text) != want {
		t.Errorf("Marshal = %s, %v, want %s", text, err, want)
	}
}

func TestDuration_roundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mustRoundTrip(t, gather.Duration(rapid.Int64().Draw(t, "nanoseconds")))
	})
}

// FuzzDuration checks that any text is either a duration, which reads back from
// what it writes, or the one value that says that it is none.
func FuzzDuration(f *testing.F) {
	for _, text := range []string{"", "0", "1.5s", "-2m", "1h2m3.000000001s", "1d", "9e9s", "µs", "1µs", "-2562047h47m16.854775808s", "\xff"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var d gather.Duration
		if err := d.UnmarshalText([]byte(text)); err != nil {
			t.Fatalf("UnmarshalText(%q): %v", text, err)
		}
		want, err := time.ParseDuration(text)
		if err != nil {
			want = gather.InvalidDuration.Std()
		}
		if d.Std() != want {
			t.Fatalf("UnmarshalText(%q) = %v, want %v", text, d.Std(), want)
		}
		mustRoundTrip(t, d)
	})
}

func mustRoundTrip(tb rapid.TB, d gather.Duration) {
	tb.Helper()
	text, err := d.MarshalText()
	if err != nil {
		tb.Fatalf("MarshalText of %d: %v", d, err)
	}
	var back gather.Duration
	if err := back.UnmarshalText(text); err != nil || back != d {
		tb.Fatalf("%d writes as %q, which reads as %d, %v", d, text, back, err)
	}
}

func after(d gather.Duration) *gather.Duration { return &d }
