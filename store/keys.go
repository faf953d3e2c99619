package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"gather"
)

const (
	indexKey    = "gather:{all}:index"
	scheduleKey = "gather:{all}:schedule"
	workersKey  = "gather:{all}:workers"
	finishedKey = "gather:{all}:finished"
	ownersKey   = "gather:{all}:owners"
	// sealedWithKey holds the id of a key, not the key.
	sealedWithKey = "gather:{all}:sealed-with"

	changedChannel = "gather:changed"
	closedChannel  = "gather:closed"
)

func metaKey(id string) string     { return "gather:{" + id + "}" }
func resultsKey(id string) string  { return "gather:{" + id + "}:results" }
func followedKey(id string) string { return "gather:{" + id + "}:followed" }

// keysOf are all keys of one aggregation, in the order that the scripts expect.
func keysOf(id string) []string {
	meta := metaKey(id)
	return []string{
		meta, meta + ":requests", meta + ":todo", meta + ":waiting", meta + ":claimed",
		meta + ":progress", resultsKey(id), meta + ":order", followedKey(id), meta + ":abandoned",
	}
}

func ownIndexKey(owner string) string { return indexKey + ":" + owner }
func openKey(owner string) string     { return "gather:{all}:open:" + owner }
func rateKey(owner string) string     { return "gather:rate:" + owner }

// idempotencyKey hides the client's key, which may be long or secret. Those of two
// owners never meet; an owner's name holds no zero byte.
func idempotencyKey(ctx context.Context, key string) string {
	if owner := gather.OwnerOf(ctx); owner != "" {
		key = owner + "\x00" + key
	}
	sum := sha256.Sum256([]byte(key))
	return "gather:key:" + hex.EncodeToString(sum[:])
}

const idPrefix = "agg_"

// idSource makes ids that sort in the order of their making (within one process
// also those of the same millisecond).
type idSource struct {
	mu      sync.Mutex
	entropy *ulid.MonotonicEntropy
}

func newIDSource() *idSource {
	return &idSource{entropy: ulid.Monotonic(rand.Reader, 0)}
}

func (s *idSource) next() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, err := ulid.New(ulid.Timestamp(time.Now()), s.entropy)
	return idPrefix + id.String(), err
}

// validID keeps everything else out of key names, braces above all.
func validID(id string) bool {
	text, found := strings.CutPrefix(id, idPrefix)
	if !found {
		return false
	}
	_, err := ulid.ParseStrict(text)
	return err == nil
}

// idTime is when the id was made, by the clock of the process that made it.
func idTime(id string) time.Time {
	parsed, err := ulid.ParseStrict(strings.TrimPrefix(id, idPrefix))
	if err != nil {
		return time.Time{}
	}
	return ulid.Time(parsed.Time())
}
