//go:build unix

package fetch

import "golang.org/x/sys/unix"

const seesReadable = true

// isReadable reports whether a read would not wait.
func isReadable(fd uintptr) bool {
	fds := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds[:], 0)
		if err != unix.EINTR {
			return err != nil || n > 0 // what is wrong, the read will tell
		}
	}
}
