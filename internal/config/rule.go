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
	targets  []choice
	services []choice
	labels   map[string]string
	chosen   bool // by keys; without them it is for all targets
}

// A choice is an item of a list that chooses targets.
type choice struct {
	at    *yaml.Node
	match *regexp.Regexp
	met   bool // by a target
}

// maxChoices bounds a list that chooses targets.
const maxChoices = 1000

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
func (r *reader) choices(n *yaml.Node) (list []choice) {
	errs := r.count()
	for _, item := range r.list(n, "a list of names", maxChoices) {
		pattern := strings.ReplaceAll(regexp.QuoteMeta(r.word(item)), `\*`, ".*")
		match, err := regexp.Compile("^(?s:" + pattern + ")$")
		if err != nil {
			r.fail(item, "too long a pattern")
			continue
		}
		list = append(list, choice{at: item, match: match})
	}
	if len(list) == 0 && r.count() == errs {
		r.fail(n, "names nothing; leave the key out where all are meant")
	}
	return list
}

// matches reports whether u is for t.
func (u *rule) matches(t *probes.Target) bool {
	named, served := met(u.targets, t.Name), met(u.services, t.Service)
	for key, value := range u.labels {
		if t.Labels[key] != value {
			return false
		}
	}
	return named && served
}

// met reports whether one of list is name, or list is empty.
func met(list []choice, name string) bool {
	found := len(list) == 0
	for i := range list {
		if list[i].match.MatchString(name) {
			list[i].met, found = true, true
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
	for _, name := range u.targets {
		if !name.met {
			r.fail(name.at, "no target is named %s%s", describe(name.at), near(name.at.Value, targetNames(c)))
		}
	}
	for _, name := range u.services {
		if !name.met && !slices.ContainsFunc(c.Services, name.match.MatchString) {
			r.fail(name.at, "no target has the service %s%s", describe(name.at), near(name.at.Value, serviceNames(c)))
		}
	}
	if u.chosen && !used && r.count() == errs && len(u.services) == 0 {
		r.fail(u.at, "chooses no target: one must match each of its keys")
	}
}

func near(word string, known []string) string {
	if k := nearest(word, known); k != "" {
		return "; did you mean " + show(k) + "?"
	}
	return ""
}

func targetNames(c *Config) []string {
	all := make([]string, len(c.Targets))
	for i, t := range c.Targets {
		all[i] = t.Name
	}
	return all
}

func serviceNames(c *Config) []string {
	all := map[string]bool{}
	for _, t := range c.Targets {
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
