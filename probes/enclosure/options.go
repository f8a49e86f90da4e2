package enclosure

import (
	"errors"
	"fmt"

	"github.com/sonde-media/sonde/internal/media"
	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
)

// Options of the kind.
type Options struct {
	wire.Choices
	Full      bool         `json:"full"`      // fetch the whole file
	Bytes     probes.Bytes `json:"bytes"`     // of the range asked for
	MaxBytes  probes.Bytes `json:"max_bytes"` // read at most, with Full
	Seek      bool         `json:"seek"`      // ask for ranges further on
	Head      bool         `json:"head"`      // ask by HEAD too
	Integrity string       `json:"integrity"` // what the file must hash to, with Full, as W3C's Subresource Integrity writes it
}

// Defaults are the options of a target that names none. A range of 64 KB is
// some four seconds of audio: enough to look at, too little to count as a
// download.
var Defaults = Options{Bytes: 64 << 10, MaxBytes: 1 << 30, Seek: true, Head: true}

// minBytes keeps ranges away from bytes=0-1, which counters count, and from
// what is too little to tell audio by.
const minBytes = 1 << 10

// maxBytes bounds a range, which is kept in memory.
const maxBytes = 16 << 20

// Check returns an [*probes.OptionError] for each option out of bounds.
func (o Options) Check() error {
	errs := []error{o.Choices.Check()}
	if o.Bytes < minBytes || o.Bytes > maxBytes {
		errs = append(errs, &probes.OptionError{Key: "bytes", Err: fmt.Errorf("want %d to %d, got %d", minBytes, maxBytes, o.Bytes)})
	}
	if o.MaxBytes < o.Bytes {
		errs = append(errs, &probes.OptionError{Key: "max_bytes", Err: fmt.Errorf("want %d (bytes) or more, got %d", o.Bytes, o.MaxBytes)})
	}
	if o.Integrity != "" && !o.Full {
		errs = append(errs, &probes.OptionError{Key: "integrity", Err: errors.New("only a whole file can be checked: it needs full: true")})
	}
	if _, ok := media.ParseIntegrity(o.Integrity); o.Integrity != "" && !ok {
		errs = append(errs, &probes.OptionError{Key: "integrity", Err: fmt.Errorf("want such as sha384-… in base64, got %q", clip(o.Integrity))})
	}
	return errors.Join(errs...)
}

// clip bounds what a stranger may write into a record.
func clip(text string) string { return probes.Clip(text, 100) }
