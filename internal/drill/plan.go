package drill

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

func (r *reader) target(l line) {
	args := r.arg(l, 2)
	t := Target{Kind: args[0], Name: args[1]}
	r.only(l, fields{
		"of": word(&t.Of), "service": word(&t.Service), "regions": r.places(&t.Regions), "direct": yes(&t.Direct),
		"opt.*": func(v string) error {
			if t.Options == nil {
				t.Options = map[string]string{}
			}
			key, value, _ := strings.Cut(v, "=")
			t.Options[key] = value
			return nil
		},
	})
	if !r.s.fits(t) {
		r.fail(l.at, "target %s: there is no %s %q", t.Name, t.Kind, t.Of)
		return
	}
	if t.Service != "" && !slices.Contains(r.s.Services, t.Service) {
		r.s.Services = append(r.s.Services, t.Service)
	}
	for _, one := range r.s.expand(t) {
		if slices.ContainsFunc(r.s.Targets, func(o Target) bool { return o.Name == one.Name }) {
			r.fail(l.at, "target %s stands above already", one.Name)
		}
		r.s.Targets = append(r.s.Targets, one)
	}
}

// fits reports whether what t is of is there.
func (s *Scenario) fits(t Target) bool {
	switch t.Kind {
	case "feed", "enclosure":
		return slices.ContainsFunc(s.Shows, func(s Show) bool { return s.Name == t.Of })
	case "page":
		return slices.ContainsFunc(s.Pages, func(p Page) bool { return p.Name == t.Of })
	}
	return false
}

// expand makes one target of each of a number of shows.
func (s *Scenario) expand(t Target) []Target {
	i := slices.IndexFunc(s.Shows, func(s Show) bool { return s.Name == t.Of })
	if t.Kind == "page" || s.Shows[i].Count == 0 {
		return []Target{t}
	}
	all := make([]Target, s.Shows[i].Count)
	for n := range all {
		all[n] = t
		all[n].Number = n + 1
		all[n].Name = fmt.Sprintf("%s %d", t.Name, n+1)
	}
	return all
}

func (r *reader) fault(l line) {
	f := Fault{Kind: Kind(r.arg(l, 1)[0])}
	r.only(l, fields{
		"at": r.intervals(&f.At), "for": r.intervals(&f.For), "host": r.knownList(&f.Hosts), "zone": r.name(&f.Zone), "alias": r.name(&f.Alias),
		"cdn": word(&f.CDN), "cert": word(&f.Cert), "edge": whole(&f.Edge, 1, maxEdges), "family": whole(&f.Family, 4, 6),
		"regions": r.places(&f.Regions), "value": f.value, "share": real(&f.Share, 0, 1), "delay": r.intervals(&f.Delay),
		"on": r.intervals(&f.On), "off": r.intervals(&f.Off), "via": r.knownList(&f.Via), "show": word(&f.Show),
	})
	if err := r.s.check(f); err != nil {
		r.fail(l.at, "fault %s: %v", f.Kind, err)
	}
	r.s.Faults = append(r.s.Faults, f)
}

func (r *reader) restart(l line) {
	t := Restart{Agent: r.arg(l, 1)[0]}
	r.only(l, fields{"at": r.intervals(&t.At)})
	if !slices.ContainsFunc(r.s.Agents, func(a Agent) bool { return a.Name == t.Agent }) {
		r.fail(l.at, "there is no agent %q", t.Agent)
	}
	r.s.Restarts = append(r.s.Restarts, t)
}

func (r *reader) truth(l line) {
	t := &r.s.Truth
	if len(l.args) == 1 && l.args[0] == "none" && len(l.pairs) == 0 {
		t.None = true
		return
	}
	r.arg(l, 0)
	r.only(l, fields{
		"code": word(&t.Code), "cause": word(&t.Cause), "culprit": r.knownList(&t.Culprits), "scope": word(&t.Scope), "severity": word(&t.Severity),
		"regions": r.places(&t.Regions), "services": list(&t.Services), "unaffected": list(&t.ServicesUnaffected), "targets": list(&t.Targets),
		"recovers": yes(&t.Recovers), "warnings": list(&t.Warnings),
	})
	if t.Code == "" || t.Cause == "" || len(t.Culprits) == 0 || t.Scope == "" || t.Severity == "" || len(t.Regions) == 0 || len(t.Targets) == 0 {
		r.fail(l.at, "truth: code, cause, culprit, scope, severity, regions or targets is missing")
	}
	if err := r.s.resolve(t); err != nil {
		r.fail(l.at, "truth: %v", err)
	}
}

// resolve expands targets whose name ends in * and checks what is named.
func (s *Scenario) resolve(t *Truth) error {
	var errs []error
	var all []string
	for _, pattern := range t.Targets {
		n := len(all)
		for _, target := range s.Targets {
			if prefix, many := strings.CutSuffix(pattern, "*"); target.Name == pattern || many && strings.HasPrefix(target.Name, prefix) {
				all = append(all, target.Name)
			}
		}
		if len(all) == n {
			errs = append(errs, fmt.Errorf("there is no target %q", pattern))
		}
	}
	slices.Sort(all)
	t.Targets = slices.Compact(all)
	for _, name := range slices.Concat(t.Services, t.ServicesUnaffected) {
		if !slices.Contains(s.Services, name) {
			errs = append(errs, fmt.Errorf("there is no service %q", name))
		}
	}
	for _, l := range [][]string{t.Regions, t.Services, t.ServicesUnaffected} {
		slices.Sort(l)
	}
	return errors.Join(errs...)
}

// finish checks what no line alone can tell.
func (r *reader) finish() {
	s := &r.s
	if s.Title == "" || len(s.Regions) == 0 || len(s.Targets) == 0 {
		r.fail(1, "title, a region or a target is missing")
	}
	slices.Sort(s.Services)
	if !s.Truth.None && s.Truth.Code == "" && len(s.Faults) > 0 {
		r.fail(1, "truth is missing")
	}
}
