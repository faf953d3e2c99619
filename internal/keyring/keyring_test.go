package keyring_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gather/internal/keyring"
)

// Keys as an operator would make them.
const (
	first  = "3f0c2e9d6b1a4875b0c2"
	second = "Q29ycmVjdCBob3JzZQ=="
	third  = "a.b_c~d+e/f-0123"
)

func parsed(t *testing.T, text string) keyring.Keys {
	t.Helper()
	var k keyring.Keys
	if err := k.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return k
}

func TestRing_Owner(t *testing.T) {
	r := keyring.New(parsed(t, "search:"+first+", search:"+second+","+third))
	for _, key := range []string{first, second} {
		if owner, known := r.Owner(key); owner != "search" || !known {
			t.Errorf("%s is %q's, %t", key, owner, known)
		}
	}
	owner, known := r.Owner(third)
	if !known || len(owner) != 33 || strings.Contains(owner, third) {
		t.Errorf("a key without a name is %q's, %t", owner, known)
	}
	if again, _ := keyring.New(parsed(t, third)).Owner(third); again != owner {
		t.Errorf("and elsewhere %q's", again)
	}
	for _, sent := range []string{"", " ", first[1:], first + "0", strings.ToUpper(first), first + " ", "search:" + first, first + "," + second} {
		if owner, known := r.Owner(sent); owner != "" || known {
			t.Errorf("%q lets in %q", sent, owner)
		}
	}
	if n := r.Owners(); n != 2 {
		t.Errorf("%d owners", n)
	}
}

func TestRing_Replace(t *testing.T) {
	r := keyring.New(parsed(t, "search:"+first))
	ticket := r.Ticket(time.Now().Add(time.Minute))
	r.Replace(parsed(t, "search:"+second+",search:"+first))
	for _, key := range []string{first, second} {
		if owner, _ := r.Owner(key); owner != "search" {
			t.Errorf("with both, %s is %q's", key, owner)
		}
	}
	if !r.Admits(ticket) {
		t.Error("a ticket is refused though its key is in force")
	}
	r.Replace(parsed(t, "search:"+second))
	if _, known := r.Owner(first); known {
		t.Error("a key that was taken out lets in")
	}
	if r.Admits(ticket) {
		t.Error("a ticket of a key that was taken out counts")
	}
}

func TestRing_Ticket(t *testing.T) {
	r, other := keyring.New(parsed(t, first)), keyring.New(parsed(t, second))
	ticket := r.Ticket(time.Now().Add(time.Minute))
	if !r.Admits(ticket) || other.Admits(ticket) {
		t.Errorf("admitted by its own: %t, by another: %t", r.Admits(ticket), other.Admits(ticket))
	}
	if _, known := r.Owner(ticket); known {
		t.Error("a ticket counts as a key")
	}
	end := strings.Split(ticket, ".")[1]
	for _, forged := range []string{
		"", "ticket.", "ticket..", first, r.Ticket(time.Now().Add(-2 * time.Second)), ticket[:len(ticket)-2], ticket + "00",
		strings.Replace(ticket, end, end+"0", 1), strings.TrimPrefix(ticket, "ticket."), "ticket." + end + ".", "ticket.x." + strings.Split(ticket, ".")[2],
	} {
		if r.Admits(forged) {
			t.Errorf("admits %q", forged)
		}
	}
}

func TestKeys_UnmarshalText(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "  ": 0, first: 1, first + "," + second: 2, " " + first + " , " + second + " ": 2, first + "," + first: 1,
		"a:" + first + ",a:" + first + ",a:" + second: 2, "a.B-c_9:" + third: 1,
		strings.Repeat("k", 16): 1, strings.Repeat("k", 512): 1,
	} {
		if n := parsed(t, text).Len(); n != want {
			t.Errorf("%q holds %d, want %d", text, n, want)
		}
	}
	for text, says := range map[string][]string{
		"short":                               {"key 1 has 5 characters", "at least 16", "openssl"},
		first + ",a:" + first[:15]:            {"key 2 has 15 characters"},
		",":                                   {"key 1 has 0", "key 2 has 0"},
		first + ",":                           {"key 2 has 0"},
		strings.Repeat("k", 513):              {"key 1 has 513", "at most 512"},
		first + ";" + second:                  {"key 1 has characters that no bearer token may have"},
		"key with spaces in it":               {"key 1 has characters"},
		"schlüssel-mit-umlaut":                {"key 1 has characters"},
		"a b:" + first:                        {"key 1 has an owner's name"},
		":" + first:                           {"key 1 has an owner's name"},
		"~a:" + first:                         {"key 1 has an owner's name"},
		"{all}:" + first:                      {"key 1 has an owner's name"},
		strings.Repeat("n", 33) + ":" + first: {"key 1 has an owner's name"},
		"a:b:" + first:                        {"key 1 has characters"},
		"a:" + first + ",b:" + first:          {"key 2 is given with two owners"},
		"a:" + first + "," + first:            {"key 2 is given with two owners"},
		"x,y":                                 {"key 1", "key 2"},
	} {
		var k keyring.Keys
		err := k.UnmarshalText([]byte(text))
		if err == nil {
			t.Errorf("%q is taken", text)
			continue
		}
		for _, part := range says {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q: %v, want %q", text, err, part)
			}
		}
	}
}

// TestKeys_NothingIsToldOfThem holds that neither what is kept nor what is complained
// about repeats a key.
func TestKeys_NothingIsToldOfThem(t *testing.T) {
	k := parsed(t, first+",a:"+second)
	kept := fmt.Sprintf("%+v %#v %+v", k, k, keyring.New(k))
	var faulty keyring.Keys
	err := faulty.UnmarshalText([]byte("hunter2,hunter2:hunter2,hunter2 hunter2 hunter2,a:hunter2hunter2hunter2,b:hunter2hunter2hunter2"))
	for _, secret := range []string{first, second, "hunter2"} {
		if strings.Contains(kept+err.Error(), secret) {
			t.Errorf("%s is in %s or %v", secret, kept, err)
		}
	}
}

func TestReadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("# the search team's\nsearch:" + first + "\r\n\n  search:" + second + "  \n" + third)
	k, err := keyring.ReadFile(path)
	if err != nil || k.Len() != 3 {
		t.Errorf("%d keys, %v", k.Len(), err)
	}
	for text, says := range map[string]string{
		"": "holds no key", "# nothing\n\n": "holds no key", first + "\n\nshort\n": "line 3 has 5 characters", first + "," + second: "line 1 has characters",
	} {
		write(text)
		if _, err := keyring.ReadFile(path); err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v, want %q", text, err, says)
		}
	}
	if _, err := keyring.ReadFile(path + ".none"); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("no file: %v", err)
	}
}

func TestKeys_And(t *testing.T) {
	both, err := parsed(t, "a:"+first).And(parsed(t, "a:"+second+",a:"+first))
	if err != nil || both.Len() != 2 {
		t.Errorf("%d keys, %v", both.Len(), err)
	}
	if _, err := parsed(t, "a:"+first).And(parsed(t, "b:"+first)); err == nil || !strings.Contains(err.Error(), "two owners") {
		t.Errorf("%v", err)
	}
}
