package feed

import (
	"errors"
	"fmt"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
	"github.com/sonde-media/sonde/probes/enclosure"
)

// Options of the kind.
type Options struct {
	wire.Choices
	Episodes   int          `json:"episodes"`    // newest episodes to listen to
	MaxBytes   probes.Bytes `json:"max_bytes"`   // of the document, inflated
	StaleAfter string       `json:"stale_after"` // how old the newest item may be, such as 36h or 14d; "": as old as it likes

	// Of the episodes, as of the kind enclosure.
	Full  bool         `json:"full"`
	Bytes probes.Bytes `json:"bytes"`
	Seek  bool         `json:"seek"`
	Head  bool         `json:"head"`
}

// Defaults are the options of a target that names none. The largest feeds in
// the wild have some ten megabytes.
var Defaults = Options{
	Episodes: 1, MaxBytes: 16 << 20,
	Full: enclosure.Defaults.Full, Bytes: enclosure.Defaults.Bytes, Seek: enclosure.Defaults.Seek, Head: enclosure.Defaults.Head,
}

// maxEpisodes bounds what one run may fetch.
const maxEpisodes = 100

func (o Options) check() error {
	errs := []error{o.Choices.Check(), o.enclosure().Check()}
	if o.Episodes < 0 || o.Episodes > maxEpisodes {
		errs = append(errs, &probes.OptionError{Key: "episodes", Err: fmt.Errorf("want 0 to %d, got %d", maxEpisodes, o.Episodes)})
	}
	if o.MaxBytes < 1 {
		errs = append(errs, &probes.OptionError{Key: "max_bytes", Err: fmt.Errorf("want 1 (byte) or more, got %d", o.MaxBytes)})
	}
	if _, err := probes.ParseAge(o.StaleAfter); err != nil {
		errs = append(errs, &probes.OptionError{Key: "stale_after", Err: err})
	}
	return errors.Join(errs...)
}

// enclosure is how episodes are fetched.
func (o Options) enclosure() enclosure.Options {
	e := enclosure.Defaults
	e.Full, e.Bytes, e.Seek, e.Head = o.Full, o.Bytes, o.Seek, o.Head
	return e
}
