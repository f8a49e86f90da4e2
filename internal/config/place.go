package config

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sonde-media/sonde/probes"
)

// maxPlaces bounds the regions that a target names.
const maxPlaces = 1000

// A place says in which regions targets are probed. Targets that say the same
// share one; nil stands for all regions.
type place struct {
	regions []string
	except  bool // in all but these
}

func (p *place) holds(region string) bool {
	return p == nil || slices.Contains(p.regions, region) != p.except
}

// For returns the targets that the agents of region probe, in the order of the
// file, those that are paused too. The slice may be c's own.
func (c *Config) For(region string) []probes.Target {
	if c.places == nil {
		return c.Targets
	}
	targets := make([]probes.Target, 0, len(c.Targets))
	for i, t := range c.Targets {
		if c.place(i).holds(region) {
			targets = append(targets, t)
		}
	}
	return targets
}

// place is that of the target i.
func (c *Config) place(i int) *place {
	if i < len(c.places) {
		return c.places[i]
	}
	return nil
}

// put notes where the newest target is probed.
func (c *Config) put(p *place) {
	if p == nil {
		return
	}
	for len(c.places) < len(c.Targets)-1 {
		c.places = append(c.places, nil)
	}
	c.places = append(c.places, p)
}

// place reads a list of regions; nil where something is wrong with it.
func (r *reader) place(n *yaml.Node, except bool) *place {
	p := &place{except: except}
	errs := r.count()
	for _, item := range r.list(n, "a list of regions such as [eu-west, us-east]", maxPlaces) {
		name := r.region(item, r.listed)
		if slices.Contains(p.regions, name) {
			r.fail(item, "%s stands here already", show(name))
		}
		p.regions = append(p.regions, name)
	}
	if r.count() > errs {
		return nil
	}
	if len(p.regions) == 0 {
		r.fail(n, "names no region; leave the key out where all are meant")
		return nil
	}
	key := strings.Join(p.regions, "\n")
	if except {
		key += "\n"
	}
	if known := r.seats[key]; known != nil {
		return known
	}
	if r.seats == nil {
		r.seats = map[string]*place{}
	}
	r.seats[key] = p
	return p
}

// list returns the items of the list n, which is what.
func (r *reader) list(n *yaml.Node, what string, limit int) []*yaml.Node {
	n = r.follow(n)
	if n.Kind != yaml.SequenceNode {
		r.want(n, what)
		return nil
	}
	if len(n.Content) > limit {
		r.fail(n, "%d items; at most %d are read", len(n.Content), limit)
		return nil
	}
	return n.Content
}

// count is how many errors there are.
func (r *reader) count() int { return len(r.errs) + r.more }
