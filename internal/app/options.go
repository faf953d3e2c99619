package app

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/dustin/go-humanize"

	"gather"
	"gather/internal/fetch"
	"gather/store"
)

// mostRequests bounds --max-requests: what one script ends must end well within the
// time that a command may take.
const mostRequests = 20_000

// mostRequestBody bounds --max-request-body, in bytes.
const mostRequestBody = 256 << 20

// Common are the options of every process.
type Common struct {
	RedisURL    string           `name:"redis-url" placeholder:"URL" help:"Redis to keep everything in: redis://, unix://, redis-sentinel:// or redis-cluster://, with TLS rediss://, rediss-sentinel:// or rediss-cluster://. ${redis_url_unset}"`
	LogFormat   string           `default:"text" enum:"text,json" help:"Log format: text or json."`
	LogLevel    string           `default:"info" enum:"debug,info,warn,error" help:"Least level to log: debug, info, warn or error."`
	SecretKey   []string         `placeholder:"KEY,…" help:"Keys to seal stored requests with, headers and bodies: 32 bytes each, as hex or base64, comma-separated. The first seals, all open; API and workers need the same. Better given as the variable: flags show in the list of processes."`
	StopTimeout time.Duration    `default:"8s" help:"How long SIGTERM lets requests in flight end before they are handed back."`
	PprofListen string           `placeholder:"HOST:PORT" help:"Loopback address to serve Go's profiles on, under /debug/pprof/; port 0 takes a free one. Unset: they are not served."`
	Version     kong.VersionFlag `env:"-" help:"Print the version and exit."`
}

// WorkerFlags are the options of what runs tasks.
type WorkerFlags struct {
	Concurrency int      `default:"256" help:"Fetches in flight at once, 1 to 100000."`
	AllowNet    []string `placeholder:"CIDR|HOST:PORT,…" help:"Addresses that fetches may reach although they are private: CIDRs, IPs or host:port, comma-separated."`
	MaxBody     ByteSize `default:"1MiB" help:"Bytes kept of a response's body; the rest is cut."`
}

// WorkerOptions are the options of cmd/worker.
type WorkerOptions struct {
	Common
	WorkerFlags
	MetricsListen string `placeholder:"HOST:PORT" help:"Address to serve /metrics, /healthz and /readyz on, to whoever reaches it; port 0 takes a free one. Unset: they are not served."`
	Healthcheck   bool   `help:"Ask Redis whether a worker on this host, or in this container, has been heard of in the last seconds, and exit: 0 if one has, 1 if not."`
}

// workerFlags is the group of the worker's options among the API's.
const workerFlags = "Worker, in embedded mode"

// APIOptions are the options of cmd/api.
type APIOptions struct {
	Common
	WorkerFlags    `group:"Worker, in embedded mode"` // workerFlags
	AccessFlags    `group:"Access"`
	Listen         string        `default:"127.0.0.1:8080" help:"Address to listen on, host:port; port 0 takes a free one."`
	Demo           bool          `help:"Serve the demo endpoints under /api/ (always on in embedded mode)."`
	DemoURL        string        `name:"demo-url" placeholder:"URL" help:"URL under which workers reach this API's demo endpoints; default: the listening address."`
	MaxRequests    int           `default:"10000" help:"Most requests of one aggregation, 1 to 20000."`
	MaxWait        time.Duration `default:"60s" help:"Longest wait that a client can ask for."`
	MaxRequestBody ByteSize      `default:"8MiB" help:"Largest body of a request to the API."`
	Healthcheck    bool          `help:"Ask the API that listens at --listen whether it is up, and exit: 0 if it is, 1 if not."`
	WaitReplicas   int           `default:"0" help:"Replicas of Redis that must have an aggregation before it is accepted, 0 to 16."`
}

// Embedded reports whether the API runs Redis and a worker inside itself.
func (o *APIOptions) Embedded() bool { return o.RedisURL == "" }

// Validate returns everything that is wrong with the options.
func (o *WorkerOptions) Validate() error {
	var missing error
	if o.RedisURL == "" {
		missing = errors.New("--redis-url is required, such as redis://127.0.0.1:6379; a worker without it has nothing to work on")
	}
	return errors.Join(missing, o.Common.validate(), o.WorkerFlags.validate(), validAddressIfSet("--metrics-listen", o.MetricsListen))
}

// Validate returns everything that is wrong with the options.
func (o *APIOptions) Validate(given *kong.Context) error {
	if o.Healthcheck { // what it asks has passed the rest, perhaps by flags that a check is not given
		return validAddress("--listen", o.Listen)
	}
	return errors.Join(
		o.misplaced(given),
		o.Common.validate(),
		o.WorkerFlags.validate(),
		validAddress("--listen", o.Listen),
		o.AccessFlags.validate(o.Listen),
		between("--max-requests", o.MaxRequests, 1, mostRequests),
		positive("--max-wait", o.MaxWait, gather.MaxDeadline),
		sized("--max-request-body", o.MaxRequestBody, 1<<10, mostRequestBody),
		between("--wait-replicas", o.WaitReplicas, 0, 16),
		o.validReplicas(),
	)
}

// misplaced refuses flags of the worker where the API runs none: they would do nothing, and
// whoever gives them counts on what they do. Variables may be set for all processes alike.
func (o *APIOptions) misplaced(given *kong.Context) (err error) {
	if o.Embedded() {
		return nil
	}
	for _, part := range given.Path {
		if f := part.Flag; f != nil && !part.Resolved && f.Group != nil && f.Group.Key == workerFlags {
			err = errors.Join(err, fmt.Errorf("--%s is a flag of the worker: with --redis-url give it to cmd/worker, and not to cmd/api", f.Name))
		}
	}
	return err
}

func (o *APIOptions) validReplicas() error {
	if o.WaitReplicas > 0 && o.Embedded() {
		return errors.New("--wait-replicas needs a --redis-url: the Redis inside this process has no replicas")
	}
	return nil
}

func (c *Common) validate() error {
	_, keyring := store.NewKeyring(c.SecretKey)
	return errors.Join(
		validRedisURL(c.RedisURL), keyring,
		notNegative("--stop-timeout", c.StopTimeout, time.Hour),
		validAddressIfSet("--pprof-listen", c.PprofListen),
		privateAddress("--pprof-listen", c.PprofListen),
	)
}

func (f *WorkerFlags) validate() error {
	return errors.Join(
		between("--concurrency", f.Concurrency, 1, 100_000),
		sized("--max-body", f.MaxBody, 1<<10, 64<<20),
		f.validAllowNet(),
	)
}

func (f *WorkerFlags) validAllowNet() error {
	client, err := fetch.New(fetch.Options{AllowNet: f.AllowNet})
	if err == nil {
		client.Close()
	}
	return err
}

func between(flag string, value, lowest, highest int) error {
	if value < lowest || value > highest {
		return fmt.Errorf("%s %d must be %d to %d", flag, value, lowest, highest)
	}
	return nil
}

func positive(flag string, value, longest time.Duration) error {
	if value <= 0 || value > longest {
		return fmt.Errorf("%s %v must be longer than 0s and at most %v", flag, value, longest)
	}
	return nil
}

func notNegative(flag string, value, longest time.Duration) error {
	if value < 0 || value > longest {
		return fmt.Errorf("%s %v must be 0s to %v", flag, value, longest)
	}
	return nil
}

func sized(flag string, value, least, most ByteSize) error {
	if value < least || value > most {
		return fmt.Errorf("%s %v must be %v to %v", flag, value, least, most)
	}
	return nil
}

func validAddressIfSet(flag, value string) error {
	if value == "" {
		return nil
	}
	return validAddress(flag, value)
}

func validAddress(flag, value string) error {
	_, port, err := net.SplitHostPort(value)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n > 65535 {
		return fmt.Errorf("%s %q must be host:port, such as 127.0.0.1:8080", flag, value)
	}
	return nil
}

// ByteSize is a number of bytes that reads as "1MiB", "64kB" or "1024".
type ByteSize int64

// UnmarshalText reads a size.
func (b *ByteSize) UnmarshalText(text []byte) error {
	n, err := humanize.ParseBytes(string(text))
	if err != nil || n > 1<<62 {
		return fmt.Errorf(`%q is not a size such as "1MiB" or "64kB"`, text)
	}
	*b = ByteSize(n)
	return nil
}

// String writes the size with a binary unit.
func (b ByteSize) String() string {
	return strings.NewReplacer(" ", "", ".0", "").Replace(humanize.IBytes(uint64(max(0, b))))
}
