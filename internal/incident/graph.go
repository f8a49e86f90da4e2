package incident

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sonde-media/sonde/internal/api"
)

// recently is how long ago a use of a host may be that still says what stands
// behind it.
const recently = day

// maxImpact is how many targets, certificates and hosts an answer names.
const maxImpact = 10_000

// A Watched is a target as the fold knows it.
type Watched struct {
	Target, Kind, Service string
	Regions               []string
	LastSeen              time.Time
	Failing               bool // by its newest run in any region
}

// Watched returns the targets that were probed within a day before now, by
// name.
func (f *Fold) Watched(now time.Time) []Watched {
	lanes := map[*lane]bool{}
	for _, l := range f.lanes {
		if l.newest >= now.UnixNano()-recently {
			lanes[l] = true
		}
	}
	return watched(lanes)
}

// watched puts lanes together by target.
func watched(lanes map[*lane]bool) []Watched {
	newest := map[string]*lane{}
	regions := map[string]map[string]bool{}
	failing := map[string]bool{}
	for l := range lanes {
		if n := newest[l.target]; n == nil || l.newest > n.newest {
			newest[l.target] = l
		}
		if regions[l.target] == nil {
			regions[l.target] = map[string]bool{}
		}
		regions[l.target][l.region] = true
		failing[l.target] = failing[l.target] || l.failing
	}
	all := make([]Watched, 0, len(newest))
	for name, l := range newest {
		all = append(all, Watched{
			Target: name, Kind: l.kind, Service: l.service, Regions: slices.Sorted(maps.Keys(regions[name])),
			LastSeen: wall(l.newest), Failing: failing[name],
		})
	}
	slices.SortFunc(all, func(a, b Watched) int { return strings.Compare(a.Target, b.Target) })
	return all
}

// Users returns the targets that used any of hosts in a time, or in the day
// before it, by name.
func (f *Fold) Users(hosts []string, from, to time.Time) []string {
	var used []*host
	for _, name := range hosts {
		if h := f.uses.hosts[name]; h != nil {
			used = append(used, h)
		}
	}
	lanes := f.crowd(used, "").lanes(from.UnixNano(), to.UnixNano())
	return names(lanes, func(l *lane) string { return l.target })
}

// Impact returns what stands behind a host, a certificate by its SHA-256, a
// CDN, an address block or a zone, as it was used within a day before now; ""
// is everything. Of shows it knows the targets alone.
func (f *Fold) Impact(of string, now time.Time) api.Impact {
	a := api.Impact{Of: of, Targets: []api.ImpactTarget{}, Publishers: []string{}}
	hosts := f.behind(of)
	since := now.UnixNano() - recently
	lanes := map[*lane]bool{}
	for _, h := range hosts {
		for l, s := range h.lanes {
			if s.last >= since {
				lanes[l] = true
			}
		}
	}
	for _, w := range watched(lanes) {
		if len(a.Targets) == maxImpact {
			break
		}
		a.Targets = append(a.Targets, api.ImpactTarget{
			AffectedShow: api.AffectedShow{Target: w.Target, Service: w.Service},
			Kind:         w.Kind, Regions: w.Regions, LastSeen: w.LastSeen, Failing: w.Failing,
		})
	}
	a.Services = names(lanes, func(l *lane) string { return l.service })
	a.Certificates, a.Differing = certificates(hosts, of, since), differing(hosts, since)
	return a
}

// behind are the hosts that of names, in whatever case.
func (f *Fold) behind(of string) (hosts []*host) {
	if of == "" {
		hosts = slices.Collect(maps.Values(f.uses.hosts))
	}
	for _, name := range slices.Compact([]string{of, strings.ToLower(of), strings.ToUpper(of)}) {
		hosts = append(hosts, f.uses.of(name)...)
	}
	slices.SortFunc(hosts, func(a, b *host) int { return strings.Compare(a.name, b.name) })
	return slices.Compact(hosts)
}

// certificates are those that hosts serve now, the next to expire first; where
// one was asked for by its SHA-256, that one.
func certificates(hosts []*host, of string, since int64) []api.ImpactCertificate {
	type uses struct {
		notAfter int64
		hosts    map[string]bool
		lanes    map[*lane]bool
	}
	found := map[string]*uses{}
	asked := slices.ContainsFunc(hosts, func(h *host) bool { return h.certs.has(strings.ToUpper(of)) })
	for _, h := range hosts {
		for region, s := range h.served {
			if s.at < since || asked && !strings.EqualFold(s.cert, of) {
				continue
			}
			u := found[s.cert]
			if u == nil {
				u = &uses{hosts: map[string]bool{}, lanes: map[*lane]bool{}}
				found[s.cert] = u
			}
			u.notAfter, u.hosts[h.name] = max(u.notAfter, s.notAfter), true
			for l, used := range h.lanes {
				if l.region == region && used.last >= since {
					u.lanes[l] = true
				}
			}
		}
	}
	all := make([]api.ImpactCertificate, 0, len(found))
	for sum, u := range found {
		all = append(all, api.ImpactCertificate{
			SHA256: sum, Hosts: slices.Sorted(maps.Keys(u.hosts)), NotAfter: unlessZero(u.notAfter),
			Targets:  names(u.lanes, func(l *lane) string { return l.target }),
			Services: names(u.lanes, func(l *lane) string { return l.service }),
		})
	}
	slices.SortFunc(all, func(a, b api.ImpactCertificate) int {
		return cmp.Or(a.NotAfter.Compare(b.NotAfter), strings.Compare(a.SHA256, b.SHA256))
	})
	return all[:min(len(all), maxImpact)]
}

// differing are the hosts that serve regions different certificates.
func differing(hosts []*host, since int64) []api.DifferingHost {
	all := []api.DifferingHost{}
	for _, h := range hosts {
		d := api.DifferingHost{Host: h.name}
		differ := false
		for _, region := range slices.Sorted(maps.Keys(h.served)) {
			s := h.served[region]
			if s.at < since {
				continue
			}
			d.Served = append(d.Served, api.ServedCertificate{Region: region, SHA256: s.cert, NotAfter: unlessZero(s.notAfter), Seen: wall(s.at)})
			differ = differ || s.cert != d.Served[0].SHA256
		}
		if differ && len(all) < maxImpact {
			all = append(all, d)
		}
	}
	return all
}

func unlessZero(at int64) time.Time {
	if at == 0 {
		return time.Time{}
	}
	return wall(at)
}

// Hosts returns the names of the hosts that of names, as [Fold.Impact] does.
func (f *Fold) Hosts(of string) []string {
	if of == "" {
		return nil
	}
	all := []string{}
	for _, h := range f.behind(of) {
		all = append(all, h.name)
	}
	return all
}
