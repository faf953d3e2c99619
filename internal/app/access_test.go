package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gather"
)

func TestLoopback(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:8080": true, "127.8.9.1:0": true, "[::1]:80": true, "localhost:80": true, "LocalHost:80": true, "[::ffff:127.0.0.1]:80": true,
		":8080": false, "0.0.0.0:80": false, "[::]:80": false, "10.0.0.1:80": false, "192.168.1.2:80": false, "[fe80::1%eth0]:80": false,
		"example.com:80": false, "localhost.example.com:80": false, "127.0.0.1.example.com:80": false, "[::ffff:10.0.0.1]:80": false, "0:80": false,
	} {
		if got := loopback(address); got != want {
			t.Errorf("loopback(%q) = %t, want %t", address, got, want)
		}
	}
}

func TestAccessFlags_rate(t *testing.T) {
	for _, c := range []struct {
		flags AccessFlags
		want  gather.Rate
	}{
		{AccessFlags{RateLimit: 50}, gather.Rate{PerSecond: 50, Burst: 50}},
		{AccessFlags{RateLimit: 0.1}, gather.Rate{PerSecond: 0.1, Burst: 1}},
		{AccessFlags{RateLimit: 2.5}, gather.Rate{PerSecond: 2.5, Burst: 3}},
		{AccessFlags{RateLimit: 50, RateBurst: 7}, gather.Rate{PerSecond: 50, Burst: 7}},
	} {
		if got := c.flags.rate(); got != c.want {
			t.Errorf("%+v: %+v, want %+v", c.flags, got, c.want)
		}
	}
}

// TestKeysFlag holds that what is wrong with keys is told without them: the reader of
// flags tells the value of a variable with every error.
func TestKeysFlag(t *testing.T) {
	var f AccessFlags
	if err := f.APIKeys.UnmarshalText([]byte("hunter2")); err != nil {
		t.Fatal(err)
	}
	if _, err := f.keys(); err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "--api-keys: key 1 has 7 characters") {
		t.Errorf("%v", err)
	}
}

// TestAPI_ReloadKeys takes out the one key that opens the monitor: it is out, and the log
// has something to tell.
func TestAPI_ReloadKeys(t *testing.T) {
	const ops, ads = "ops:0123456789abcdef", "ads:fedcba9876543210"
	file := filepath.Join(t.TempDir(), "keys")
	write := func(keys string) {
		if err := os.WriteFile(file, []byte(keys), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(ops + "\n" + ads)
	api, err := NewAPI(t.Context(), mustParse(t, "--api-keys-file", file, "--monitor-owners", "ops"), quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer api.Stop()
	if warning, err := api.ReloadKeys(); warning != nil || err != nil {
		t.Errorf("with nothing changed: %v, %v", warning, err)
	}
	write(ads)
	warning, err := api.ReloadKeys()
	if err != nil || warning == nil || !strings.Contains(warning.Error(), `--monitor-owners: no API key has the owner "ops"`) {
		t.Errorf("without its key: %v, %v", warning, err)
	}
	if _, known := api.ring.Owner("0123456789abcdef"); known {
		t.Error("the key that was taken out is in force")
	}
	write("short")
	if _, err := api.ReloadKeys(); err == nil {
		t.Error("a faulty file is taken")
	}
	if _, known := api.ring.Owner("fedcba9876543210"); !known {
		t.Error("a faulty file puts keys out of force")
	}
}
