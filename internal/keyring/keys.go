// Package keyring holds API keys: it reads them, keeps no more of them than their
// hashes, and tells whose a key is.
//
// A key is written as itself or as "owner:key". Keys with the same owner's name open
// the same, so that a new one can take an old one's place: both are given for a while,
// then the old one is taken out. A key without a name is its own owner.
package keyring

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

// Bounds of a key's length in characters. Whoever makes keys by chance has more than
// nobody can guess with the least: 16 of 64 characters are 96 bits.
const (
	leastLength = 16
	mostLength  = 512
)

// advice ends the messages about keys that are none.
const advice = "make one with: openssl rand -hex 24"

var (
	// token is what a client can send as a bearer token (b64token in RFC 6750, section 2.1).
	token = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)
	// ownerName is safe in the names of Redis keys, and differs from every name that is made here.
	ownerName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$`)
)

// Keys are API keys that were read. The zero value holds none.
type Keys struct{ list []key }

// key is what is kept of one.
type key struct {
	owner string
	hash  [sha256.Size]byte
}

// UnmarshalText reads keys that are separated by commas. Its errors tell which one is
// wrong by its number, and nothing of what it holds.
func (k *Keys) UnmarshalText(text []byte) error {
	if len(strings.TrimSpace(string(text))) == 0 {
		return nil
	}
	parts := strings.Split(string(text), ",")
	places := make([]string, len(parts))
	for i := range parts {
		places[i] = fmt.Sprintf("key %d", i+1)
	}
	return k.add(parts, places)
}

// ReadFile reads a file with one key a line. Empty lines and those that begin with # are
// passed over.
func ReadFile(path string) (Keys, error) {
	text, err := os.ReadFile(path) //nolint:gosec // whoever starts the process says which file
	if err != nil {
		return Keys{}, err
	}
	var parts, places []string
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			parts, places = append(parts, line), append(places, fmt.Sprintf("line %d", number))
		}
	}
	if len(parts) == 0 {
		return Keys{}, fmt.Errorf("%s holds no key; write one a line, as KEY or OWNER:KEY", path)
	}
	var k Keys
	if err := k.add(parts, places); err != nil {
		return Keys{}, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}

// And returns these keys and the others.
func (k Keys) And(others Keys) (Keys, error) {
	all := Keys{list: append([]key{}, k.list...)}
	for _, other := range others.list {
		if err := all.insert(other); err != nil {
			return Keys{}, fmt.Errorf("one of the keys %w", err)
		}
	}
	return all, nil
}

// Len is how many there are.
func (k Keys) Len() int { return len(k.list) }

// Owners is how many different owners they have.
func (k Keys) Owners() int {
	owners := make(map[string]bool)
	for _, key := range k.list {
		owners[key.owner] = true
	}
	return len(owners)
}

// Has reports whether the owner has one of them.
func (k Keys) Has(owner string) bool {
	return slices.ContainsFunc(k.list, func(key key) bool { return key.owner == owner })
}

// add reads one key from each part, or tells all that is wrong.
func (k *Keys) add(parts, places []string) error {
	var faults error
	for i, part := range parts {
		read, err := parse(strings.TrimSpace(part))
		if err == nil {
			err = k.insert(read)
		}
		if err != nil {
			faults = errors.Join(faults, fmt.Errorf("%s %w", places[i], err))
		}
	}
	return faults
}

func (k *Keys) insert(added key) error {
	for _, held := range k.list {
		if held.hash == added.hash && held.owner != added.owner {
			return errors.New("is given with two owners")
		} else if held.hash == added.hash {
			return nil
		}
	}
	k.list = append(k.list, added)
	return nil
}

func parse(text string) (key, error) {
	owner, secret, named := strings.Cut(text, ":")
	if !named {
		owner, secret = "", text
	}
	switch {
	case named && !ownerName.MatchString(owner):
		return key{}, errors.New("has an owner's name that is none: it must have 1 to 32 letters, digits, dots, hyphens or underscores, as in search:KEY")
	case len(secret) < leastLength:
		return key{}, fmt.Errorf("has %d characters and must have at least %d; %s", len(secret), leastLength, advice)
	case len(secret) > mostLength:
		return key{}, fmt.Errorf("has %d characters and must have at most %d", len(secret), mostLength)
	case !token.MatchString(secret):
		return key{}, errors.New("has characters that no bearer token may have; " + advice)
	}
	if !named {
		owner = ownerOf(secret)
	}
	return key{owner, sha256.Sum256([]byte(secret))}, nil
}

// ownerOf is the owner that a key without a name is. It is stored and logged, and tells
// nothing of the key; no name begins with its first character.
func ownerOf(secret string) string {
	sum := sha256.Sum256([]byte("owner\x00" + secret))
	return "~" + hex.EncodeToString(sum[:16])
}
