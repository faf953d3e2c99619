package app

// ballast is memory that is never touched, and so takes none. The garbage collector
// counts it as live: it runs when as much again was allocated, and not, as in a process
// that holds a few megabytes, every few milliseconds.
var ballast []byte

// ballastSize is how much garbage a process may hold at most on its account, in bytes.
const ballastSize = 32 << 20

func loadBallast() { ballast = make([]byte, ballastSize) }
