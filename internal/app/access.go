package app

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"strings"

	"gather"
	"gather/internal/httpapi"
	"gather/internal/keyring"
)

// mostOpen bounds --max-open: who is refused costs Redis a look at each open aggregation.
const mostOpen = 1000

// AccessFlags are the options that say who is let in, and how much everybody may ask for.
type AccessFlags struct {
	APIKeys        keysFlag `name:"api-keys" placeholder:"[OWNER:]KEY,…" help:"API keys, comma-separated: each 16 characters or more, as KEY or OWNER:KEY; keys of the same owner open the same. Required where --listen is not loopback."`
	APIKeysFile    string   `name:"api-keys-file" placeholder:"PATH" help:"File with API keys, one a line, beside those of --api-keys; read again on SIGHUP."`
	InsecureNoAuth bool     `name:"insecure-no-auth" help:"Listen beyond loopback without API keys: whoever reaches the API may do everything."`
	GuardMetrics   bool     `name:"guard-metrics" help:"Have /metrics want an API key, too; without it, whoever reaches the API may read them."`
	MonitorWrite   bool     `name:"monitor-write" help:"Let /monitor change queues and tasks; without it, it only shows them."`
	MonitorOwners  []string `name:"monitor-owners" placeholder:"OWNER" help:"Owners whose keys open /monitor, which shows the tasks of all; default: every owner, and what tasks fetch is hidden where there are several."`

	RateLimit  float64 `name:"rate-limit" default:"0" help:"Requests a second that each owner may send, over all processes; 0: no limit."`
	RateBurst  int     `name:"rate-burst" default:"0" help:"Requests that an owner may send at once after a rest; 0: what --rate-limit allows in a second."`
	MaxOpen    int     `name:"max-open" default:"0" help:"Most unfinished aggregations of each owner, 1 to 1000; 0: no limit."`
	MaxWaits   int     `name:"max-waits" default:"20000" help:"Most clients that this process holds in a wait, 1 to 1000000."`
	MaxStreams int     `name:"max-streams" default:"2000" help:"Most streams of results and events that this process serves at the same time, 1 to 1000000."`
}

// keysFlag reads keys. What is wrong with them it keeps, and does not return: an error
// here is told together with the value, which is a secret.
type keysFlag struct {
	keyring.Keys
	fault error
}

// UnmarshalText reads keys that are separated by commas.
func (k *keysFlag) UnmarshalText(text []byte) error {
	k.fault = k.Keys.UnmarshalText(text)
	return nil
}

func (f *AccessFlags) validate(listen string) error {
	keys, err := f.keys()
	if err == nil {
		err = errors.Join(f.exposed(listen, keys), f.strangers(keys))
	}
	return errors.Join(
		err,
		f.validRate(),
		between("--max-open", f.MaxOpen, 0, mostOpen),
		between("--max-waits", f.MaxWaits, 1, 1_000_000),
		between("--max-streams", f.MaxStreams, 1, 1_000_000),
	)
}

func (f *AccessFlags) validRate() error {
	const least, most = 0.001, 1_000_000
	switch {
	case f.RateLimit != 0 && !(f.RateLimit >= least && f.RateLimit <= most):
		return fmt.Errorf("--rate-limit %g must be 0, or %g to %d", f.RateLimit, least, most)
	case f.RateLimit == 0 && f.RateBurst != 0:
		return errors.New("--rate-burst means nothing without --rate-limit")
	}
	return between("--rate-burst", f.RateBurst, 0, most)
}

// keys reads all keys that are to be in force.
func (f *AccessFlags) keys() (keyring.Keys, error) {
	keys := f.APIKeys.Keys
	if f.APIKeys.fault != nil {
		return keys, fmt.Errorf("--api-keys: %w", f.APIKeys.fault)
	}
	if f.APIKeysFile != "" {
		more, err := keyring.ReadFile(f.APIKeysFile)
		if err == nil {
			keys, err = keys.And(more)
		}
		if err != nil {
			return keys, fmt.Errorf("--api-keys-file: %w", err)
		}
	}
	if len(f.MonitorOwners) > 0 && keys.Len() == 0 {
		return keys, errors.New("--monitor-owners says whose API keys open /monitor, and there are none: give --api-keys or --api-keys-file, too")
	}
	if keys.Owners() > 1 && f.MonitorWrite && len(f.MonitorOwners) == 0 {
		return keys, errors.New("--monitor-write lets every owner change the tasks of all others; say whose keys may, with --monitor-owners")
	}
	return keys, nil
}

// strangers tells which owners are to see the monitor and have no key.
func (f *AccessFlags) strangers(keys keyring.Keys) (err error) {
	for _, owner := range f.MonitorOwners {
		if !keys.Has(owner) {
			err = errors.Join(err, fmt.Errorf("--monitor-owners: no API key has the owner %q; one is given as %s:KEY", owner, owner))
		}
	}
	return err
}

// exposed refuses an address that other machines reach where nobody is asked for a key.
func (f *AccessFlags) exposed(address string, keys keyring.Keys) error {
	if loopback(address) || keys.Len() > 0 || f.InsecureNoAuth {
		return nil
	}
	return fmt.Errorf("--listen %s can be reached from other machines: it needs --api-keys, or --insecure-no-auth to let everybody in", address)
}

// loopback reports whether this machine alone reaches an address to listen on. Of names
// it trusts only in localhost; where that leads is seen when it listens.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return true // is refused for being no address
	}
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}

// rate is what each owner may send.
func (f *AccessFlags) rate() gather.Rate {
	burst := f.RateBurst
	if burst == 0 {
		burst = max(1, int(math.Ceil(f.RateLimit)))
	}
	return gather.Rate{PerSecond: f.RateLimit, Burst: burst}
}

// guard puts into the options of the API who is let in and how much each may ask for.
func (a *API) guard(o *httpapi.Options) {
	o.GuardMetrics = a.opts.GuardMetrics
	o.MonitorOwners = a.opts.MonitorOwners
	o.MaxOpen, o.MaxWaits, o.MaxStreams = a.opts.MaxOpen, a.opts.MaxWaits, a.opts.MaxStreams
	if a.ring != nil {
		o.Keys = a.ring
	}
	if a.opts.RateLimit > 0 {
		o.Rate, o.Limiter = a.opts.rate(), a.store
	}
}

// ReloadKeys reads --api-keys-file again. With an error the keys in force stay. A key that
// was taken out must be out, also if it was the last that opened the monitor: that is a
// warning.
func (a *API) ReloadKeys() (warning, err error) {
	keys, err := a.opts.keys()
	if err != nil {
		return nil, err
	}
	a.ring.Replace(keys)
	return a.opts.strangers(keys), nil
}

// hidesFetches reports whether the monitor is open to owners who must not learn what
// others fetch.
func (a *API) hidesFetches() bool {
	return a.ring != nil && a.ring.Owners() > 1 && len(a.opts.MonitorOwners) == 0
}
