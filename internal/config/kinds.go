package config

import (
	"fmt"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
	"github.com/sonde-media/sonde/probes/enclosure"
	"github.com/sonde-media/sonde/probes/feed"
	"github.com/sonde-media/sonde/probes/page"
)

// A kind is a key that a target may have and what makes a probe of it.
type kind struct {
	name string
	make func(*wire.Net, probes.Target) (probes.Func, error)

	defaults any // its options where a target names none
}

// kinds is the table of kinds: one line each.
var kinds = []kind{
	{"feed", feed.New, feed.Defaults},
	{"enclosure", enclosure.New, enclosure.Defaults},
	{"page", page.New, page.Defaults},
}

// Kinds returns the names of all kinds.
func Kinds() []string { return names(kinds) }

func names(table []kind) []string {
	all := make([]string, len(table))
	for i, k := range table {
		all[i] = k.name
	}
	return all
}

// NewProbe returns a probe of t's kind for t, which may keep memory between
// runs. An error joins one [*probes.OptionError] a bad option.
func NewProbe(n *wire.Net, t probes.Target) (probes.Func, error) {
	return construct(kinds, n, t)
}

func construct(table []kind, n *wire.Net, t probes.Target) (probes.Func, error) {
	for _, k := range table {
		if k.name == t.Kind {
			return k.make(n, t)
		}
	}
	return nil, fmt.Errorf("unknown kind %q", t.Kind)
}
