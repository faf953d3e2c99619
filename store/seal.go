package store

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"gather"
)

// A sealed request stands in the place of the JSON in a stored request (encoding.go):
//
//	sealed1: | key id, 8 bytes | nonce, 12 bytes | the JSON in AES-256-GCM | tag, 16 bytes
//
// The nonce is random, and the key is made for the aggregation out of one of the
// keyring: no key comes near the 2^32 nonces that are safe, however long it is in use.
// The place, aggregation and index, is authenticated with the request, so that one
// moved to another place can't be opened.
const sealedPrefix = "sealed1:"

const sealedOverhead = len(sealedPrefix) + len(keyID{}) + 12 + 16

// aead makes the cipher of one aggregation.
func (k sealingKey) aead(id string) (cipher.AEAD, error) {
	secret, err := k.derive("gather request "+id, keyBytes)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// placeOf is what a sealed request is bound to.
func placeOf(id string, index int) []byte {
	place := make([]byte, 0, len(id)+8)
	return strconv.AppendInt(append(append(place, id...), '/'), int64(index), 10)
}

// sealer seals the requests of one aggregation; nil leaves them as they are.
type sealer struct {
	id   string
	key  keyID
	aead cipher.AEAD
}

func (r *Keyring) sealer(id string) (*sealer, error) {
	if r == nil {
		return nil, nil
	}
	aead, err := r.keys[0].aead(id)
	if err != nil {
		return nil, fmt.Errorf("seal requests of %s: %w", id, err)
	}
	return &sealer{id, r.keys[0].id, aead}, nil
}

// seal returns the stored request with its JSON sealed.
func (s *sealer) seal(index int, stored []byte) []byte {
	if s == nil {
		return stored
	}
	at := requestAt(stored)
	sealed := append(make([]byte, 0, len(stored)+sealedOverhead), stored[:at]...)
	sealed = append(append(sealed, sealedPrefix...), s.key[:]...)
	return s.aead.Seal(sealed, nil, stored[at:], placeOf(s.id, index)) //nolint:gosec // it makes a random nonce itself
}

// requestAt is where the last line of a stored request begins.
func requestAt[T ~[]byte | ~string](stored T) int {
	at := 0
	for lines := 0; lines < 3 && at < len(stored); at++ {
		if stored[at] == '\n' {
			lines++
		}
	}
	return at
}

// opener opens the requests of one aggregation, sealed or not.
type opener struct {
	id      string
	keyring *Keyring
	// Neighbours are sealed with the same key, which takes as long to make as to use.
	key  keyID
	aead cipher.AEAD
}

func (r *Keyring) opener(id string) opener { return opener{id: id, keyring: r} }

// open returns the request, or why it can't be read. Then there are its URL and the
// client's key, which are not sealed, for the item's result.
func (o *opener) open(index int, stored string) (gather.Request, *gather.ItemError) {
	plain, why := o.unsealed(index, stored)
	if why != nil {
		return openingOf(stored), why
	}
	r, err := decodeRequest(plain)
	if err != nil { // which may quote the request
		return openingOf(stored), unreadable("the stored request can't be read")
	}
	return r, nil
}

// unsealed is the stored request with its JSON in the open.
func (o *opener) unsealed(index int, stored string) (string, *gather.ItemError) {
	if !strings.Contains(stored, "\n"+sealedPrefix) { // which is cheap to tell
		return stored, nil
	}
	at := requestAt(stored)
	envelope, sealed := strings.CutPrefix(stored[at:], sealedPrefix)
	if !sealed {
		return stored, nil
	}
	var id keyID
	if len(envelope) < len(id) {
		return "", unreadable("the sealed request is cut off")
	}
	copy(id[:], envelope)
	aead, why := o.of(id)
	if why != nil {
		return "", why
	}
	ciphertext := []byte(envelope[len(id):])
	plain, err := aead.Open(ciphertext[:0], nil, ciphertext, placeOf(o.id, index)) // in place
	if err != nil {
		return "", unreadable("the sealed request was changed, or belongs to another item")
	}
	return stored[:at] + string(plain), nil
}

// of is the cipher that opens what was sealed with the key.
func (o *opener) of(id keyID) (cipher.AEAD, *gather.ItemError) {
	if o.aead != nil && o.key == id {
		return o.aead, nil
	}
	key, known := o.keyring.find(id)
	if !known {
		return nil, &gather.ItemError{Code: gather.CodeProxyConfigurationError, Message: fmt.Sprintf(
			"the request is sealed with the key %v, which the worker's --secret-key lacks; add it there, then retry the aggregation", id)}
	}
	aead, err := key.aead(o.id)
	if err != nil {
		return nil, unreadable("the sealed request can't be opened: " + err.Error())
	}
	o.key, o.aead = id, aead
	return aead, nil
}

func unreadable(message string) *gather.ItemError {
	return &gather.ItemError{Code: gather.CodeProxyInternalError, Message: message}
}

// openingOf is what the opening of the result line, which is never sealed, tells of
// the request.
func openingOf(stored string) gather.Request {
	lines := bytes.SplitN([]byte(stored), []byte{'\n'}, 3)
	var known gather.Result
	if len(lines) == 3 {
		_ = json.Unmarshal(append(lines[1], '}'), &known)
	}
	return gather.Request{URL: known.URL, Key: known.Key}
}
