package tasks

// fetchStack is most of the stack that a fetch needs, in bytes, where 8 KiB are what there is.
const fetchStack = 6 << 10

// growStack has the stack of a new goroutine grow at once to what a fetch or a task needs, while
// there is nothing on it. It begins with 2 KiB, and is copied each time that it gets too
// small, which costs the more, the more calls are on it: twice in a fetch, an eighth of a
// worker's processor time where upstreams answer at once.
//
//go:noinline
func growStack() byte {
	var frame [fetchStack]byte
	return frame[top]
}

// top is a variable so that the compiler keeps the frame.
var top int
