package config

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sonde-media/sonde/probes"
)

// A rule is a window of the root's maintenance and the targets that it is for:
// those that match each of its keys, in any item of it.
type rule struct {
	at       *yaml.Node
	window   probes.Window
	targets  choices
	services choices
	labels   map[string]string
	chosen   bool // by keys; without them it is for all targets
}

// choices are a list that chooses targets by a name.
type choices struct {
	exact    map[string]*choice
	patterns []*choice
	all      []*choice // both, in the order of the list
}

// A choice is an item of such a list.
type choice struct {
	at      *yaml.Node
	pattern *regexp.Regexp // nil for an exact name
	met     bool           // by a target
}

const (
	maxChoices  = 1000 // of a list
	maxPatterns = 20   // of these; each is held against every target
)

// rules reads the root's maintenance.
func (r *reader) rules(n *yaml.Node) (rules []*rule) {
	for _, item := range r.list(n, "windows such as {cron: \"0 2 * * *\", duration: 1h, services: [Podcasts]}", maxWindows) {
		u := &rule{at: item}
		errs := r.count()
		u.window = r.window(item, []field{
			{"targets", func(n *yaml.Node) { u.targets, u.chosen = r.choices(n), true }},
			{"services", func(n *yaml.Node) { u.services, u.chosen = r.choices(n), true }},
			{"labels", func(n *yaml.Node) { u.labels, u.chosen = r.labels(n), true }},
		})
		if r.count() == errs && u.window != nil {
			rules = append(rules, u)
		}
	}
	return rules
}

// choices reads names, in which * stands for any characters.
func (r *reader) choices(n *yaml.Node) (c choices) {
	errs := r.count()
	c.exact = map[string]*choice{}
	for _, item := range r.list(n, "a list of names", maxChoices) {
		name := r.word(item)
		if len(name) > maxWord {
			continue // an error was noted
		}
		one := &choice{at: aliased(item)}
		c.all = append(c.all, one)
		if !strings.Contains(name, "*") {
			c.exact[name] = one
			continue
		}
		one.pattern = regexp.MustCompile("^(?s:" + strings.ReplaceAll(regexp.QuoteMeta(name), `\*`, ".*") + ")$")
		if c.patterns = append(c.patterns, one); len(c.patterns) == maxPatterns+1 {
			r.fail(item, "more than %d names with *; labels choose many targets", maxPatterns)
		}
	}
	if len(c.all) == 0 && r.count() == errs {
		r.fail(n, "names nothing; leave the key out where all are meant")
	}
	return c
}

// matches reports whether u is for t.
func (u *rule) matches(t *probes.Target) bool {
	named, served := u.targets.hold(t.Name), u.services.hold(t.Service)
	for key, value := range u.labels {
		if t.Labels[key] != value {
			return false
		}
	}
	return named && served
}

// hold reports whether one of c is name, or there are none.
func (c choices) hold(name string) bool {
	found := len(c.all) == 0
	if one := c.exact[name]; one != nil {
		one.met, found = true, true
	}
	for _, one := range c.patterns {
		if one.pattern.MatchString(name) {
			one.met, found = true, true
		}
	}
	return found
}

// maintain gives the targets of c the windows of the rules that are for them.
func (r *reader) maintain(c *Config, rules []*rule) {
	if len(rules) == 0 {
		return
	}
	used := make([]bool, len(rules))
	for i := range c.Targets {
		t := &c.Targets[i]
		own := t.Windows
		for j, u := range rules {
			if u.matches(t) {
				used[j] = true
				own = append(slices.Clip(own), u.window)
			}
		}
		t.Windows = r.shareWindows(own)
	}
	if r.lenient {
		return // names may hold variables
	}
	for j, u := range rules {
		r.unmet(u, c, used[j])
	}
}

// unmet notes what of u stands for nothing.
func (r *reader) unmet(u *rule, c *Config, used bool) {
	errs := r.count()
	for _, name := range u.targets.all {
		if !name.met {
			r.fail(name.at, "no target is named %s%s", describe(name.at), near(name.at.Value, targetNames(c)))
		}
	}
	for _, service := range c.Services {
		u.services.hold(service)
	}
	for _, name := range u.services.all {
		if !name.met {
			r.fail(name.at, "no target has the service %s%s", describe(name.at), near(name.at.Value, serviceNames(c)))
		}
	}
	if u.chosen && !used && r.count() == errs && len(u.services.all) == 0 {
		r.fail(u.at, "chooses no target: one must match each of its keys")
	}
}

// maxNear bounds the names that a misspelt one is compared with.
const maxNear = 2000

func near(word string, known []string) string {
	if k := nearest(word, known); k != "" {
		return "; did you mean " + show(k) + "?"
	}
	return ""
}

func targetNames(c *Config) []string {
	all := make([]string, min(len(c.Targets), maxNear))
	for i := range all {
		all[i] = c.Targets[i].Name
	}
	return all
}

func serviceNames(c *Config) []string {
	all := map[string]bool{}
	for _, t := range c.Targets[:min(len(c.Targets), maxNear)] {
		all[t.Service] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// shareWindows returns list, as the slice that all who have these windows
// share.
func (r *reader) shareWindows(list []probes.Window) []probes.Window {
	if len(list) == 0 {
		return nil
	}
	var key strings.Builder
	for _, w := range list {
		s := w.(*window).spec
		key.WriteString(s.cron + "\n" + s.lasts.String() + "\n" + s.name + "\n")
	}
	if known := r.sets[key.String()]; known != nil {
		return known
	}
	if r.sets == nil {
		r.sets = map[string][]probes.Window{}
	}
	r.sets[key.String()] = slices.Clip(list)
	return list
}
