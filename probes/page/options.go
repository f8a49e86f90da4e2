package page

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
)

// Options are the settings of a page target.
type Options struct {
	wire.Choices
	MaxAssets      int          `json:"max_assets"`       // sub-resources fetched at most; default 500, 0: the document only
	MaxBytes       probes.Bytes `json:"max_bytes"`        // read in a run at most, document included; default 64 MiB
	Parallel       int          `json:"parallel"`         // fetches at a time from one host; default 6, and 24 over all
	Assert         []Assertion  `json:"assert"`           // what the document must be; the page fails where one doesn't hold
	Links          int          `json:"links"`            // links of the document to its own site that are tried, the first so many; default 0
	Ignore         []string     `json:"ignore"`           // hosts whose assets are neither fetched nor counted: a name, or *.name for all below it
	FirstPartyOnly bool         `json:"first_party_only"` // leave assets of other registrable domains
	Viewport       screen       `json:"viewport"`         // width and height in pixels of CSS, and density; default 1280, 800, 1
}

// Defaults are the options of a target that names none.
var Defaults = Options{
	MaxAssets: 500, MaxBytes: 64 << 20, Parallel: 6,
	Viewport: screen{Width: 1280, Height: 800, Density: 1},
}

const (
	maxLinks      = 100 // that a target may ask for
	maxAssertions = 50
)

func (o Options) check() error {
	errs := []error{
		o.Choices.Check(),
		between("max_assets", int64(o.MaxAssets), 0, maxRefs),
		atLeast("max_bytes", int64(o.MaxBytes), 1),
		atLeast("parallel", int64(o.Parallel), 1),
		between("links", int64(o.Links), 0, maxLinks),
		o.Viewport.check(),
		between("assert", int64(len(o.Assert)), 0, maxAssertions),
	}
	for i, a := range o.Assert {
		if err := a.check(); err != nil {
			errs = append(errs, &probes.OptionError{Key: "assert", Err: fmt.Errorf("item %d: %w", i+1, err)})
		}
	}
	for _, pattern := range o.Ignore {
		if name := strings.TrimPrefix(pattern, "*."); name == "" || strings.ContainsAny(name, "*/:@ ") {
			errs = append(errs, &probes.OptionError{Key: "ignore", Err: fmt.Errorf("want host names such as ads.example or *.ads.example, got %q", pattern)})
		}
	}
	return errors.Join(errs...)
}

func atLeast(key string, v, least int64) error {
	if v >= least {
		return nil
	}
	return &probes.OptionError{Key: key, Err: fmt.Errorf("want %d or more, got %d", least, v)}
}

func between(key string, v, least, most int64) error {
	if least <= v && v <= most {
		return nil
	}
	return &probes.OptionError{Key: key, Err: fmt.Errorf("want %d to %d, got %d", least, most, v)}
}
