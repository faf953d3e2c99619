package store

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"

	"gather"
)

const sealedID = "agg_01JDZ8F9W3K2M4N6P8R0T2V4X6"

// sealedRequest is a stored request with a secret in its headers and its body.
func sealedRequest(tb testing.TB, r *Keyring, id string, index int) (request *gather.Request, stored string) {
	tb.Helper()
	request = &gather.Request{
		URL: "https://example.com/?q=1", Method: "POST", Key: "seven",
		Headers: map[string]string{"Authorization": "hunter2"}, BodyText: "hunter2\nhunter2",
	}
	plain, err := encodeRequest(index, request)
	if err != nil {
		tb.Fatal(err)
	}
	return request, string(mustSealer(tb, r, id).seal(index, plain))
}

func opened(r *Keyring, id string, index int, stored string) (gather.Request, *gather.ItemError) {
	o := r.opener(id)
	return o.open(index, stored)
}

func TestNewKeyring(t *testing.T) {
	raw := bytes.Repeat([]byte{0xfb, 0xff}, keyBytes/2)
	other := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, keyBytes))
	same := mustKeyring(t, hex.EncodeToString(raw)).keys[0].id
	for _, text := range []string{
		strings.ToUpper(hex.EncodeToString(raw)), base64.StdEncoding.EncodeToString(raw), base64.RawStdEncoding.EncodeToString(raw),
		base64.URLEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw), " " + base64.StdEncoding.EncodeToString(raw) + "\n",
	} {
		if id := mustKeyring(t, other, text, "").keys[1].id; id != same {
			t.Errorf("%q is the key %v, want %v", text, id, same)
		}
	}
	for _, none := range [][]string{nil, {""}, {" ", ""}} {
		if r, err := NewKeyring(none); r != nil || err != nil {
			t.Errorf("%q: %+v, %v, want no keyring", none, r, err)
		}
	}
	short := base64.StdEncoding.EncodeToString(raw[:31])
	for says, keys := range map[string][]string{
		"key 1 must be 32 bytes": {"hunter2"},
		"key 2 must be 32 bytes": {other, short},
		"key 3 must be 32 bytes": {other, "", base64.StdEncoding.EncodeToString(raw), hex.EncodeToString(raw[:16])},
		"key 2 is given twice":   {base64.StdEncoding.EncodeToString(raw), hex.EncodeToString(raw)},
	} {
		r, err := NewKeyring(keys)
		if err == nil || !strings.Contains(err.Error(), "--secret-key: "+says) {
			t.Errorf("%q: %v, %v, want %q", keys, r, err, says)
			continue
		}
		for _, key := range keys {
			if key != "" && strings.Contains(err.Error(), key) {
				t.Errorf("%v repeats the key", err)
			}
		}
	}
}

func TestSeal(t *testing.T) {
	keyring := mustKeyring(t, testKey('a'))
	request, stored := sealedRequest(t, keyring, sealedID, 7)
	t.Run("hides all but what is public", func(t *testing.T) {
		plain, err := encodeRequest(7, request)
		if err != nil {
			t.Fatal(err)
		}
		if at := requestAt(stored); stored[:at] != string(plain[:requestAt(plain)]) || strings.Contains(stored, "hunter2") {
			t.Errorf("sealed: %q", stored)
		}
		if len(stored) != len(plain)+sealedOverhead {
			t.Errorf("it grew by %d bytes, want %d", len(stored)-len(plain), sealedOverhead)
		}
	})
	t.Run("is never the same twice", func(t *testing.T) {
		if _, again := sealedRequest(t, keyring, sealedID, 7); again == stored {
			t.Error("the nonce is not random")
		}
	})
	t.Run("is opened by its key, wherever that stands", func(t *testing.T) {
		for _, r := range []*Keyring{keyring, mustKeyring(t, testKey('b'), testKey('a'))} {
			if got, why := opened(r, sealedID, 7, stored); why != nil || !reflect.DeepEqual(&got, request) {
				t.Errorf("opened %+v, %v", got, why)
			}
		}
	})
	t.Run("stays shut elsewhere", func(t *testing.T) {
		last := len(stored) - 1
		flipped := stored[:last] + string([]byte{stored[last] ^ 1})
		elsewhere := strings.Replace(sealedID, "01JD", "01JE", 1)
		for name, o := range map[string]struct {
			keyring *Keyring
			id      string
			index   int
			stored  string
			code    gather.ErrorCode
			says    string
		}{
			"without a key":                {nil, sealedID, 7, stored, gather.CodeProxyConfigurationError, keyring.keys[0].id.String() + ", which the worker's --secret-key lacks"},
			"with another key":             {mustKeyring(t, testKey('b')), sealedID, 7, stored, gather.CodeProxyConfigurationError, "--secret-key lacks"},
			"as another item":              {keyring, sealedID, 8, stored, gather.CodeProxyInternalError, "belongs to another item"},
			"in another aggregation":       {keyring, elsewhere, 7, stored, gather.CodeProxyInternalError, "belongs to another item"},
			"with a bit changed":           {keyring, sealedID, 7, flipped, gather.CodeProxyInternalError, "was changed"},
			"cut off":                      {keyring, sealedID, 7, stored[:len(stored)-40], gather.CodeProxyInternalError, "was changed"},
			"cut off in the key's id":      {keyring, sealedID, 7, stored[:requestAt(stored)+len(sealedPrefix)+3], gather.CodeProxyInternalError, "is cut off"},
			"with nothing after the id":    {keyring, sealedID, 7, stored[:requestAt(stored)+len(sealedPrefix)+8], gather.CodeProxyInternalError, "was changed"},
			"in the open, but no JSON":     {keyring, sealedID, 7, stored[:requestAt(stored)] + `{"url":hunter2}`, gather.CodeProxyInternalError, "can't be read"},
			"in the open, of a wrong type": {nil, sealedID, 7, stored[:requestAt(stored)] + `{"expect_status":[1e99]}`, gather.CodeProxyInternalError, "can't be read"},
		} {
			got, why := opened(o.keyring, o.id, o.index, o.stored)
			if why == nil || why.Code != o.code || !strings.Contains(why.Message, o.says) || strings.Contains(why.Message, "hunter2") || strings.Contains(why.Message, "1e99") {
				t.Errorf("%s: %+v, want %s with %q", name, why, o.code, o.says)
			}
			if want := (gather.Request{URL: request.URL, Key: request.Key}); !reflect.DeepEqual(got, want) {
				t.Errorf("%s: the request is %+v, want %+v", name, got, want)
			}
		}
	})
	t.Run("takes the key of each item's own", func(t *testing.T) {
		old, both := mustKeyring(t, testKey('b')), mustKeyring(t, testKey('a'), testKey('b'))
		o := both.opener(sealedID)
		for i, r := range []*Keyring{keyring, old, nil, keyring, old} {
			_, stored := sealedRequest(t, r, sealedID, i)
			if got, why := o.open(i, stored); why != nil || got.BodyText != request.BodyText {
				t.Errorf("item %d: %+v, %v", i, got, why)
			}
		}
	})
}

// FuzzSeal_open finds stored requests that crash, or that open although they are not
// what was sealed. That is the same request in all processes of a run, under other nonces.
func FuzzSeal_open(f *testing.F) {
	keyring := mustKeyring(f, testKey('a'), testKey('b'))
	request, stored := sealedRequest(f, keyring, sealedID, 7)
	genuine := stored[requestAt(stored):]
	for _, seed := range []string{stored, stored[:len(stored)-20], "1\n2\n3\n" + sealedPrefix, "\n\n\n" + genuine, "1\n{\n3\n{}", sealedPrefix, ""} {
		f.Add(seed, 7)
	}
	f.Add(stored, 8)
	f.Fuzz(func(t *testing.T, text string, index int) {
		got, why := opened(keyring, sealedID, index, text)
		sealed := strings.HasPrefix(text[requestAt(text):], sealedPrefix)
		if sealed && why == nil && (!reflect.DeepEqual(&got, request) || index != 7) {
			t.Errorf("%q opens as item %d: %+v", text, index, got)
		}
		if text == stored && index == 7 && why != nil {
			t.Errorf("what was sealed does not open: %+v", why)
		}
	})
}
