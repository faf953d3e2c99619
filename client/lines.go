package client

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// maxLine bounds one result: the largest body that a worker keeps, each of its bytes
// escaped, in bytes.
const maxLine = 512 << 20

// lines reads a stream line by line; one of them is in memory. What the connection's end
// cuts off is none.
func lines(r io.Reader) *bufio.Scanner {
	s := bufio.NewScanner(r)
	s.Buffer(nil, maxLine)
	s.Split(wholeLine)
	return s
}

// ended is why there are no more lines; nil is their end.
func ended(s *bufio.Scanner) error {
	if errors.Is(s.Err(), bufio.ErrTooLong) {
		return foreign(s.Err())
	}
	return s.Err()
}

func wholeLine(data []byte, atEOF bool) (advance int, line []byte, err error) {
	if end := bytes.IndexByte(data, '\n'); end >= 0 {
		return end + 1, bytes.TrimSuffix(data[:end], []byte("\r")), nil
	}
	if atEOF && len(data) > 0 {
		return 0, nil, io.ErrUnexpectedEOF
	}
	return 0, nil, nil
}
