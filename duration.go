package gather

import (
	"math"
	"time"
)

// Duration is a time.Duration that reads and writes as a Go duration string,
// such as "1.5s" or "2m". Text that is no duration decodes as
// [InvalidDuration] without an error, so that [Spec.Validate] can report it
// with its place, beside every other fault.
type Duration time.Duration

// InvalidDuration is what text that is no duration decodes as.
const InvalidDuration = Duration(math.MinInt64)

// UnmarshalText reads a Go duration string. It never fails: see [Duration].
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		*d = InvalidDuration
		return nil //nolint:nilerr // the value tells
	}
	*d = Duration(parsed)
	return nil
}

// MarshalText writes a Go duration string.
func (d Duration) MarshalText() ([]byte, error) {
	return []byte(time.Duration(d).String()), nil
}

// Std is d as the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// After is a pointer to d, for the optional fields of [Spec] and [Request].
func After(d time.Duration) *Duration {
	g := Duration(d)
	return &g
}
