package keyring

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Ring holds the keys that are in force. It is safe for use by several goroutines.
type Ring struct{ held atomic.Pointer[held] }

type held struct {
	keys   []key
	owners int
}

// New returns a ring with the keys, of which there must be one at least.
func New(k Keys) *Ring {
	r := new(Ring)
	r.Replace(k)
	return r
}

// Replace puts other keys in force in place of all.
func (r *Ring) Replace(k Keys) { r.held.Store(&held{keys: k.list, owners: k.Owners()}) }

// Owner tells whose the key is, and whether it is in force at all. It takes the same
// time whichever key comes near the one that was sent.
func (r *Ring) Owner(sent string) (owner string, known bool) {
	hash := sha256.Sum256([]byte(sent))
	keys := r.held.Load().keys
	found := -1
	for i := range keys {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(hash[:], keys[i].hash[:]), i, found)
	}
	if found < 0 {
		return "", false
	}
	return keys[found].owner, true
}

// Owners is how many different owners the keys have.
func (r *Ring) Owners() int { return r.held.Load().owners }

// ticketPrefix tells tickets from keys, for people.
const ticketPrefix = "ticket."

// Ticket returns what proves, until the given time, that who made it has one of the
// keys: for Gather itself, which has no key to send. Every process that has the key
// admits it.
func (r *Ring) Ticket(until time.Time) string {
	end := strconv.FormatInt(until.Unix(), 10)
	return ticketPrefix + end + "." + hex.EncodeToString(r.held.Load().keys[0].seal(end))
}

// Admits reports whether the text is a ticket that counts now.
func (r *Ring) Admits(text string) bool {
	ticket, isOne := strings.CutPrefix(text, ticketPrefix)
	end, seal, _ := strings.Cut(ticket, ".")
	mac, err := hex.DecodeString(seal)
	until, bad := strconv.ParseInt(end, 10, 64)
	if !isOne || err != nil || bad != nil || time.Now().After(time.Unix(until, 0)) {
		return false
	}
	for _, k := range r.held.Load().keys {
		if hmac.Equal(mac, k.seal(end)) {
			return true
		}
	}
	return false
}

// seal signs the end of a ticket.
func (k *key) seal(end string) []byte {
	mac := hmac.New(sha256.New, k.hash[:])
	_, _ = mac.Write([]byte("ticket\x00" + end))
	return mac.Sum(nil)
}
