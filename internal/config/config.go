// Package config reads sonde.yaml. It is strict: every unknown key, wrong type
// and reference to nothing is an error with file, line and column, and all are
// reported at once. It holds the table of kinds too, since a target's options
// are checked by the constructor of its kind.
//
// Strings may name environment variables as ${VAR}, for secrets; $$ is a
// dollar sign. No error shows the value of a variable.
package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
)

// MaxBytes is the size of the largest configuration that is read.
const MaxBytes = 64 << 20

// A Config is a configuration without errors. It is not changed after Load.
type Config struct {
	Hub          string            // where agents send; "" where the file leaves it out
	Regions      map[string]Region // by the name that agents use; nil: any name will do
	Services     []string          // those declared, in the order of the file
	Region       string            // of the agent that reads this file, or ""
	Resolver     string            // host:port, or "" for the system's
	CAFile       string            // PEM file with extra roots, or ""
	Stores       []TrustStore      // further trust stores, in the order of the file
	Sources      []netip.Addr      // local addresses to bind to, at most one of each family
	AllowPrivate bool              // probe private and loopback addresses too
	UserAgent    string            // "" for the default
	Contact      string            // URL in the default agent string, or ""
	Limits       wire.Limits       // what hosts are asked for at most
	Spool        Spool             // what waits at most for each receiver
	OTLP         string            // URL to send telemetry to besides the hub, or ""
	Timeout      time.Duration     // of targets without their own, as they have it already
	Targets      []probes.Target   // in the order of the file
	Witnesses    []string          // host:port asked whether an agent is cut off
	Includes     []Include         // files that targets came from, after those of this file
	Version      string            // hash of the bytes, those of included files too, 8 hexadecimal digits

	places   []*place // of the targets; what it is too short for is in all regions
	notifies bool     // the key notify is there, for hubs alone

	caFile *Error // place of the key ca_file, for what is found wrong with the file later
}

// A Region is where an agent stands.
type Region struct {
	Name     string // for people; the region's key where none is given
	Lat, Lon float64
}

// A Spool bounds what waits on an agent's disk for one receiver. What is over is
// dropped, the oldest first.
type Spool struct {
	Bytes int64
	Age   time.Duration
}

// DefaultSpool is what a configuration has that says nothing of it.
var DefaultSpool = Spool{Bytes: 1 << 30, Age: 24 * time.Hour}

// Load reads the configuration in the file at path and the files that it
// includes. What is wrong with them comes as [Errors].
func Load(path string) (*Config, error) {
	data, err := readFile(path, MaxBytes)
	if err != nil {
		return nil, Errors{{File: path, Message: err.Error()}}
	}
	return text{name: path, data: data, env: os.LookupEnv, kinds: kinds, open: readInclude}.parse()
}

// Parse reads a configuration from data, which came from the file or URL name.
// It includes no files: what is to be read elsewhere is bundled, see [Bundle].
// The environment is asked by env; who checks a file for others, whose
// variables it doesn't have, passes a function of its own.
func Parse(name string, data []byte, env func(string) (string, bool)) (*Config, error) {
	return parse(name, data, env, kinds)
}

func parse(name string, data []byte, env func(string) (string, bool), table []kind) (*Config, error) {
	return text{name: name, data: data, env: env, kinds: table}.parse()
}

// A text is a configuration to be read.
type text struct {
	name    string
	data    []byte
	env     func(string) (string, bool)
	kinds   []kind
	open    func(path string) ([]byte, error) // reads files that it includes; nil: it can't
	lenient bool                              // nothing is said of what holds variables
}

func (x text) parse() (*Config, error) {
	r := x.reader()
	c, ok := r.inPieces(x.data, pieceBytes)
	if !ok {
		r = x.reader()
		c = r.inOne(x.data)
	}
	if err := r.errors(); err != nil {
		return nil, err
	}
	c.Version = version(x.data, r.included)
	return c, nil
}

func (x text) reader() *reader {
	return &reader{file: x.name, env: x.env, kinds: x.kinds, open: x.open, lenient: x.lenient, budget: len(x.data) + aliasBudget}
}

// readFile reads at most limit bytes. Its errors leave the path to the caller.
func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe without a writer holds nobody up
	if err != nil {
		return nil, bareError(err)
	}
	defer f.Close()
	tooLarge := fmt.Errorf("is larger than %d MiB", limit>>20)
	switch info, err := f.Stat(); {
	case err != nil:
		return nil, bareError(err)
	case info.IsDir():
		return nil, errors.New("is a directory, not a file")
	case info.Size() > limit:
		return nil, tooLarge
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1)) // a pipe has no size
	if err != nil {
		return nil, bareError(err)
	}
	if int64(len(data)) > limit {
		return nil, tooLarge
	}
	return data, nil
}

func bareError(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
