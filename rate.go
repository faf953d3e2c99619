package gather

import (
	"math"
	"time"
)

// Rate is how many requests one owner may send over time.
type Rate struct {
	// PerSecond is the rate that can be kept up; 0 means that there is no limit.
	PerSecond float64
	// Burst is how many may come at once after a rest, at least 1.
	Burst int
}

// Interval is the time between two requests at the rate that can be kept up, in whole
// microseconds and at least one.
func (r Rate) Interval() time.Duration {
	us := math.Round(1e6 / r.PerSecond)
	return time.Duration(max(1, us)) * time.Microsecond
}

// Window is the time in which a burst that was used up is whole again.
func (r Rate) Window() time.Duration { return time.Duration(r.Burst) * r.Interval() }

// Allowance is what a rate says to one request, and what it leaves to the next ones.
type Allowance struct {
	Granted bool
	// Remaining is how many more would be granted at once.
	Remaining int
	// MoreAfter is how long until that is one more: after a refusal, until one is granted.
	MoreAfter time.Duration
}
