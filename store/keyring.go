package store

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// keyBytes is the length of a key: that of AES-256.
const keyBytes = 32

// Keyring holds the keys that requests are sealed with: the first seals, all open.
// Where there is none (nil), requests are stored as they are.
type Keyring struct{ keys []sealingKey }

type sealingKey struct {
	id     keyID
	secret []byte
}

// keyID tells keys apart, and nothing of them.
type keyID [8]byte

func (id keyID) String() string { return hex.EncodeToString(id[:]) }

// NewKeyring reads keys, each 32 bytes as hex or base64. Empty ones are passed over;
// without any the keyring is nil. Errors name the flag, and never a key.
func NewKeyring(texts []string) (*Keyring, error) {
	r := &Keyring{}
	for _, text := range texts {
		if text = strings.TrimSpace(text); text == "" { // an empty variable, or a comma at the end
			continue
		}
		key, err := newSealingKey(text)
		if err != nil {
			return nil, fmt.Errorf("--secret-key: key %d %w", len(r.keys)+1, err)
		}
		if _, known := r.find(key.id); known {
			return nil, fmt.Errorf("--secret-key: key %d is given twice", len(r.keys)+1)
		}
		r.keys = append(r.keys, key)
	}
	if len(r.keys) == 0 {
		return nil, nil
	}
	return r, nil
}

func newSealingKey(text string) (sealingKey, error) {
	secret, err := hex.DecodeString(text)
	if err != nil {
		standard := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
		secret, err = base64.RawStdEncoding.DecodeString(standard)
	}
	if err != nil || len(secret) != keyBytes {
		return sealingKey{}, fmt.Errorf("must be %d bytes as hex or base64; make one with: openssl rand -base64 %[1]d", keyBytes)
	}
	key := sealingKey{secret: secret}
	id, err := key.derive("gather key id", len(key.id))
	copy(key.id[:], id)
	return key, err
}

// derive makes a key for one purpose out of this one (RFC 5869).
func (k sealingKey) derive(purpose string, length int) ([]byte, error) {
	return hkdf.Key(sha256.New, k.secret, nil, purpose, length)
}

func (r *Keyring) find(id keyID) (sealingKey, bool) {
	if r == nil {
		return sealingKey{}, false
	}
	for _, key := range r.keys {
		if key.id == id {
			return key, true
		}
	}
	return sealingKey{}, false
}

// SealWith has requests sealed with the keyring's first key, and opened with any of
// them. It is called before anything else.
func (s *Store) SealWith(r *Keyring) *Store {
	s.keyring = r
	return s
}

// ErrKeyMissing means that requests are sealed with a key that the keyring lacks.
var ErrKeyMissing = errors.New("a key is missing")

// CheckKey returns ErrKeyMissing unless the keyring has the key that requests are
// sealed with now. A process that starts without it would fail every item that it
// takes, or store in the open what others seal.
func (s *Store) CheckKey(ctx context.Context) error {
	text, err := s.rdb.Get(ctx, sealedWithKey).Result()
	if errors.Is(err, redis.Nil) {
		return nil
	}
	if err != nil {
		return unavailable(ctx, "read", "the sealing key's id", err)
	}
	var id keyID
	if n, err := hex.Decode(id[:], []byte(text)); err == nil && n == len(id) {
		if _, known := s.keyring.find(id); known {
			return nil
		}
	}
	return fmt.Errorf("%w: requests on this Redis are sealed with the key %.16s, which --secret-key lacks; add it (the first key seals, all open), or see SECURITY.md if it is lost",
		ErrKeyMissing, text)
}

// AnnounceKey tells processes that start later which key requests are sealed with
// from now on.
func (s *Store) AnnounceKey(ctx context.Context) error {
	if s.keyring == nil {
		return nil
	}
	return unavailable(ctx, "announce", "the sealing key", s.rdb.Set(ctx, sealedWithKey, s.keyring.keys[0].id.String(), 0).Err())
}
