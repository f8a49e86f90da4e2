package incident_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/incident"
	"github.com/sonde-media/sonde/probes"
)

// A trial is a world made by chance with one fault in it, and what is true of
// it.
type trial struct {
	world
	code     probes.Code
	at       string // host, certificate, zone or CDN at fault
	what     string // host, cert, zone, cdn
	regions  []string
	from, to int
	noise    float64
	flaps    bool // three intervals bad, two good
}

// codesOf says by what a thing of each kind fails.
var codesOf = map[string][]probes.Code{
	"host": {
		probes.ConnectRefused, probes.ConnectTimeout, probes.ConnectReset, probes.HTTPStatus, probes.HTTPTimeout, probes.HTTPReset,
		probes.HTTPDenied, probes.HTTPMissing, probes.BodyTruncated, probes.BodyEmpty, probes.MediaType, probes.RedirectLoop, probes.TLSAlert,
	},
	"cert": {probes.TLSExpired, probes.TLSUntrusted, probes.TLSRevoked},
	"zone": {probes.DNSServer, probes.DNSNotFound, probes.DNSNoAddress, probes.DNSTimeout},
	"cdn":  {probes.HTTPStatus, probes.ConnectTimeout, probes.HTTPReset},
}

func newTrial(seed uint64) *trial {
	rnd := rand.New(rand.NewPCG(seed, 11))
	t := &trial{from: 15 + rnd.IntN(10), noise: []float64{0, 0, 0.01}[rnd.IntN(3)]}
	t.to = t.from + 6 + rnd.IntN(20)
	t.length = t.to + 12
	for r := range 2 + rnd.IntN(3) {
		region := fmt.Sprintf("r%d", r)
		for a := range 1 + rnd.IntN(5)/4 {
			t.agents = append(t.agents, seat{region, fmt.Sprintf("agent-%s-%d", region, a)})
		}
	}
	media := t.hosts(rnd)
	n := 0
	for s := range 2 + rnd.IntN(3) {
		for range 1 + rnd.IntN(6) {
			feed := hop{host: fmt.Sprintf("feeds.site%d.example", n), address: fmt.Sprintf("192.0.%d.1", n)}
			chain := []hop{feed}
			if rnd.IntN(3) == 0 {
				chain = append(chain, hop{host: "play.prefix.example", address: "203.0.113.77", cert: "prefix"})
			}
			for _, i := range rnd.Perm(len(media))[:1+rnd.IntN(2)] {
				chain = append(chain, media[i])
			}
			t.targets = append(t.targets, target{fmt.Sprintf("target%d", n), fmt.Sprintf("service%d", s), chain})
			n++
		}
	}
	t.harm(rnd)
	return t
}

// hosts are media hosts of several sites behind two CDNs or none, some with a
// certificate that they share.
func (t *trial) hosts(rnd *rand.Rand) (all []hop) {
	for i := range 4 + rnd.IntN(5) {
		h := hop{host: fmt.Sprintf("cdn.media%d.example", i), address: fmt.Sprintf("198.51.%d.7", i), cert: fmt.Sprintf("cert%d", i)}
		if rnd.IntN(3) == 0 {
			h.cert = "shared"
		}
		if rnd.IntN(2) == 0 {
			h.cdn = fmt.Sprintf("CDN%d", rnd.IntN(2))
		}
		all = append(all, h)
	}
	return all
}

// harm chooses a fault of something that is used.
func (t *trial) harm(rnd *rand.Rand) {
	victim := t.targets[rnd.IntN(len(t.targets))]
	h := victim.hosts[rnd.IntN(len(victim.hosts))]
	t.what, t.at = "host", h.host
	switch n := rnd.IntN(4); {
	case n == 0 && h.cert != "":
		t.what, t.at = "cert", h.cert
	case n == 1:
		t.what, t.at = "zone", strings.SplitN(h.host, ".", 2)[1]
	case n == 2 && t.sites(h.cdn) >= 2:
		t.what, t.at = "cdn", h.cdn
	}
	t.flaps = rnd.IntN(4) == 0
	t.code = codesOf[t.what][rnd.IntN(len(codesOf[t.what]))]
	for _, a := range t.agents {
		if !slices.Contains(t.regions, a.region) {
			t.regions = append(t.regions, a.region)
		}
	}
	if rnd.IntN(2) == 0 {
		t.regions = t.regions[:1+rnd.IntN(len(t.regions)-1)]
	}
	by := rand.New(rand.NewPCG(rnd.Uint64(), 1))
	t.fault = func(r run) *wrong {
		if r.n >= t.from && r.n < t.to && (!t.flaps || (r.n-t.from)%5 < 3) && slices.Contains(t.regions, r.region) {
			for i, h := range r.hosts {
				if t.hits(h) {
					w := &wrong{code: t.code, at: i}
					if t.what == "cert" || t.what == "zone" {
						w.cause = t.at
					}
					return w
				}
			}
		}
		if by.Float64() < t.noise {
			return &wrong{code: probes.HTTPTimeout, at: by.IntN(len(r.hosts))}
		}
		return nil
	}
}

func (t *trial) hits(h hop) bool {
	switch t.what {
	case "cert":
		return h.cert == t.at
	case "zone":
		return strings.HasSuffix(h.host, "."+t.at)
	case "cdn":
		return h.cdn == t.at
	}
	return h.host == t.at
}

func (t *trial) sites(cdn string) int {
	hosts := map[string]bool{}
	for _, k := range t.targets {
		for _, h := range k.hosts {
			if cdn != "" && h.cdn == cdn {
				hosts[h.host] = true
			}
		}
	}
	return len(hosts)
}

func (t *trial) String() string {
	return fmt.Sprintf("%s of the %s %s in %v of %v, runs %d to %d, %d targets, noise %v, flaps %v", t.code, t.what, t.at, t.regions, t.agents, t.from, t.to, len(t.targets), t.noise, t.flaps)
}

// affected are the targets that use what is at fault.
func (t *trial) affected() (names []string) {
	for _, k := range t.targets {
		if slices.ContainsFunc(k.hosts, t.hits) {
			names = append(names, k.name)
		}
	}
	slices.Sort(names)
	return names
}

// culprits are the hosts at which its runs fail: the first of each chain.
func (t *trial) culprits() (hosts []string) {
	for _, k := range t.targets {
		if n := slices.IndexFunc(k.hosts, t.hits); n >= 0 && !slices.Contains(hosts, k.hosts[n].host) {
			hosts = append(hosts, k.hosts[n].host)
		}
	}
	return hosts
}

// check returns what is wrong with the incidents that the whole trial came to.
func (t *trial) check(all []api.Incident) (wrong []string) {
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if len(all) != 1 {
		for _, i := range all {
			say("%s %s: %s by %s, %s, %v", i.ID, i.FirstFailure.Format("15:04"), i.Code, i.Cause, i.Scope, i.Targets)
		}
		return append(wrong, fmt.Sprintf("got %d incidents", len(all)))
	}
	i := all[0]
	watching := map[string]bool{}
	for _, a := range t.agents {
		watching[a.region] = true
	}
	scope := api.ScopeRegional
	if len(t.regions) == len(watching) {
		scope = api.ScopeGlobal
	}
	if i.Code != t.code || i.Scope != scope {
		say("got %s, %s; want %s, %s", i.Code, i.Scope, t.code, scope)
	}
	if culprits := t.culprits(); i.Cause != t.at && !(t.what == "cdn" && len(culprits) == 1 && i.Cause == culprits[0]) {
		say("got cause %s, want %s", i.Cause, t.at)
	}
	if !slices.Equal(i.Targets, t.affected()) {
		say("got targets %v, want %v", i.Targets, t.affected())
	}
	if !slices.Equal(i.Regions, t.regions) {
		say("got regions %v", i.Regions)
	}
	first := begin.Add(time.Duration(t.from) * interval)
	early := interval
	if t.noise > 0 { // what happened to fail just before can't be told from it
		early = 5 * interval
	}
	if i.FirstFailure.Before(first.Add(-early)) || i.Detected.Sub(first) > 4*interval+10*time.Second {
		say("first failure at %v instead of %v, detected %v later", i.FirstFailure, first, i.Detected.Sub(i.FirstFailure))
	}
	over := begin.Add(time.Duration(t.to) * interval)
	slack := 4 * interval
	if t.noise > 0 { // three good runs of each are to come in a row
		slack = 9 * interval
	}
	if i.Resolved == nil || i.Resolved.Sub(over) > slack {
		say("resolved at %v, over at %v", i.Resolved, over)
	}
	return wrong
}

// One fault is one incident, whatever it is, wherever, however the world is
// built: from the first time it is told on, with one ID.
func TestGeneratedWorlds(t *testing.T) {
	trials := uint64(400)
	if testing.Short() {
		trials = 60
	}
	for seed := range trials {
		k := newTrial(seed)
		f := incident.New()
		runs := k.runs()
		slices.SortStableFunc(runs, func(a, b *incident.Run) int { return a.Received.Compare(b.Received) })
		var wrong []string
		id, next := "", begin
		for _, r := range runs {
			f.Add(r)
			if r.Received.Before(next) {
				continue
			}
			next = r.Received.Add(interval / 2)
			all := f.Incidents(r.Received, nil)
			switch {
			case len(all) > 1:
				wrong = append(wrong, fmt.Sprintf("%d incidents at %v: %s and %s", len(all), r.Received.Sub(begin), all[0].Title, all[1].Title))
			case len(all) == 0 && id != "":
				wrong = append(wrong, fmt.Sprintf("%s is gone at %v", id, r.Received.Sub(begin)))
			case len(all) == 1 && id != "" && all[0].ID != id:
				wrong = append(wrong, fmt.Sprintf("%s is called %s at %v", id, all[0].ID, r.Received.Sub(begin)))
			}
			if id = ""; len(all) == 1 {
				id = all[0].ID
			}
		}
		wrong = append(wrong, k.check(f.Incidents(k.end(), nil))...)
		if len(wrong) > 0 {
			t.Errorf("seed %d: %s\n  %s", seed, k, strings.Join(wrong[:min(len(wrong), 6)], "\n  "))
		}
	}
}

// apart names a host or zone of another site.
func apart(host string) string { return strings.Replace(host, ".example", "-b.example", 1) }

// Two outages that have nothing in common are two, however they overlap.
func TestTwoOutages(t *testing.T) {
	trials := uint64(300)
	if testing.Short() {
		trials = 50
	}
	for seed := range trials {
		a, b := newTrial(seed), newTrial(seed+10_000)
		// b's world stands beside a's, and has a name of its own for all.
		for i := range b.targets {
			k := &b.targets[i]
			k.name, k.service = "b-"+k.name, "b-"+k.service
			for j := range k.hosts {
				h := &k.hosts[j]
				h.host, h.address = apart(h.host), ""
				for _, s := range []*string{&h.cert, &h.cdn} {
					if *s != "" {
						*s = "b-" + *s
					}
				}
			}
		}
		switch b.what {
		case "cert", "cdn":
			b.at = "b-" + b.at
		default:
			b.at = apart(b.at)
		}
		both := world{targets: append(slices.Clone(a.targets), b.targets...), agents: a.agents, length: max(a.length, b.length)}
		a.noise, b.noise = 0, 0
		for _, s := range a.agents {
			if !slices.Contains(b.regions, s.region) {
				b.regions = append(b.regions, s.region)
			}
		}
		both.fault = func(r run) *wrong {
			if strings.HasPrefix(r.name, "b-") {
				return b.fault(r)
			}
			return a.fault(r)
		}
		if all := fold(both.runs(), both.end()); len(all) != 2 {
			t.Errorf("seed %d: %s\n  and %s", seed, a, b)
			for _, i := range all {
				t.Errorf("  %s by %s: %s", i.Code, i.Cause, i.Title)
			}
		}
	}
}
