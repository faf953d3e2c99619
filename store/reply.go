package store

import (
	"errors"
	"regexp"
)

// unreadReply is what go-redis says of a reply that it can't read, with the reply.
var unreadReply = regexp.MustCompile(`((?:can't (?:parse|read)|invalid|expected|parsing)[^"]*)"(?:[^"\\]|\\.)*"`)

// WithoutReplies takes out of a message of go-redis what it quotes of replies: where
// a connection is out of step, that may be a part of a stored request.
func WithoutReplies(message string) string {
	return unreadReply.ReplaceAllString(message, `$1"…"`)
}

// withoutReply is WithoutReplies of an error, which stays as it is if it quotes none.
func withoutReply(err error) error {
	if message := WithoutReplies(err.Error()); message != err.Error() {
		return errors.New(message)
	}
	return err
}
