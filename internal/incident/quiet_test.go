package incident_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/incident"
	"github.com/sonde-media/sonde/probes"
)

// noisy is a large world in which one run in a hundred goes wrong by chance, in
// whatever way chance has: one host is used by a hundred targets.
func noisy(seed uint64, length int) world {
	rnd := rand.New(rand.NewPCG(seed, 7))
	targets := shows(100, "Podcasts", media)
	for i := range 60 {
		targets = append(targets, shows(1, fmt.Sprintf("S%d", i), hop{host: fmt.Sprintf("cdn%d.example", i/2), address: "203.0.113.9", cdn: "CDN"})...)
	}
	codes := []probes.Code{probes.HTTPTimeout, probes.ConnectTimeout, probes.DNSTimeout, probes.HTTPStatus, probes.ConnectReset}
	return world{targets: targets, agents: everywhere, length: length, fault: func(r run) *wrong {
		switch n := rnd.Float64(); {
		case n < 0.01:
			return &wrong{code: codes[rnd.IntN(len(codes))], at: rnd.IntN(2)}
		case n < 0.02:
			host := r.hosts[rnd.IntN(2)].host
			return &wrong{findings: []probes.Finding{{Code: probes.MediaSlow, Severity: probes.Warning, Host: host}}}
		case n < 0.03:
			return &wrong{code: probes.LocalResources}
		}
		return nil
	}}
}

// Nothing is raised, and what is noise is forgotten.
func TestQuiet(t *testing.T) {
	seeds, length := uint64(5), 300
	if testing.Short() {
		seeds = 1
	}
	for seed := range seeds {
		w := noisy(seed, length)
		f := incident.New()
		for _, r := range w.runs() {
			f.Add(r)
		}
		for _, i := range f.Incidents(w.end(), nil) {
			t.Errorf("seed %d: raised %s: %s in %v, %d runs from %v", seed, i.Title, i.Code, i.Regions, i.Runs, i.FirstFailure)
		}
	}
}

// An outage in the midst of noise begins when it began.
func TestOutageInNoise(t *testing.T) {
	w := noisy(9, 150)
	noise := w.fault
	outage := between(100, 130, media.host, wrong{code: probes.HTTPStatus})
	w.fault = func(r run) *wrong {
		if bad := outage(r); bad != nil {
			return bad
		}
		return noise(r)
	}
	i := one(t, fold(w.runs(), w.end()))
	began := begin.Add(100 * interval)
	if early := began.Sub(i.FirstFailure); i.Code != probes.HTTPStatus || len(i.Targets) != 100 || early > gap || i.Detected.Sub(began) > interval {
		t.Errorf("got %s, %d targets, %v early, detected %v after", i.Code, len(i.Targets), early, i.Detected.Sub(began))
	}
}

// gap is how near two failures may be that are one incident.
const gap = 5 * interval

// However many hosts and names strangers send, what is held is bounded.
func TestManyHosts(t *testing.T) {
	f := incident.New()
	for n := range 40_000 {
		r := &incident.Run{Run: api.Run{Target: "t", TraceID: fmt.Sprintf("%032x", n), Started: begin.Add(time.Duration(n) * time.Second)}}
		for k := range 10 {
			r.Hops = append(r.Hops, incident.Hop{Host: fmt.Sprintf("h%d.example", n*10+k)})
		}
		f.Add(r)
	}
	if s := f.Stats(); s.Hosts != 300_000 || s.Refused != 100_000 {
		t.Errorf("got %+v", s)
	}
	f.Forget(begin.Add(10*24*time.Hour), 30*24*time.Hour)
	if s := f.Stats(); s.Hosts > 10 {
		t.Errorf("%d hosts that were met once are still known", s.Hosts)
	}
}

// A page that makes up the hosts that it is warned of hides no outage of its
// own, and what is held of it is bounded.
func TestMadeUpHosts(t *testing.T) {
	f := incident.New()
	w := world{targets: shows(1, "Podcasts", media), agents: everywhere[:1], length: 60, fault: between(10, 20, media.host, wrong{code: probes.HTTPMissing})}
	for n, r := range w.runs() {
		if r.Outcome == probes.OK {
			r.Outcome = probes.Degraded
			for k := range 100 {
				r.Findings = append(r.Findings, probes.Finding{Code: probes.PageAsset, Severity: probes.Warning, Host: fmt.Sprintf("h%d.example", 100*n+k)})
			}
		}
		f.Add(r)
	}
	if n := f.Stats().Episodes; n > 300 {
		t.Errorf("%d episodes are held", n)
	}
	if i := one(t, f.Incidents(w.end(), nil)); i.Code != probes.HTTPMissing || i.End != api.EndRecovered {
		t.Errorf("got %s, %q", i.Title, i.End)
	}
}

// A host counts as behind a CDN while it is, however often it came and went.
func TestHostsThatMove(t *testing.T) {
	f := incident.New()
	w := world{targets: shows(3, "Podcasts", media), agents: everywhere[:1], length: 200, fault: func(run) *wrong { return nil }}
	for n, r := range w.runs() {
		for i := range r.Hops {
			r.Hops[i].CDN, r.Hops[i].Address = fmt.Sprint("cdn", n/3%20), fmt.Sprintf("192.0.%d.1", n/3%20)
		}
		f.Add(r)
	}
	check := func() {
		t.Helper()
		if got := f.Hosts("cdn18"); len(got) != 0 {
			t.Errorf("%v are behind what they left", got)
		}
		if got, all := f.Hosts("cdn19"), f.Hosts("192.0.19.0/24"); len(got) == 0 || !slices.Equal(got, slices.Compact(slices.Clone(got))) || !slices.Equal(got, all) {
			t.Errorf("got %v and %v", got, all)
		}
	}
	check()
	f.Forget(w.end(), 30*24*time.Hour)
	check()
	last := w.run(run{w.targets[0], everywhere[0], 200}, 0)
	for i := range last.Hops {
		last.Hops[i].CDN = "cdn18"
	}
	f.Add(last)
	if got := f.Hosts("cdn18"); len(got) != len(last.Hops) {
		t.Errorf("got %v behind what they came back to", got)
	}
}

// What is too old to become part of an incident is forgotten, and no answer
// changes by it.
func TestForget(t *testing.T) {
	w := noisy(3, 150)
	noise := w.fault
	outage := between(100, 130, media.host, wrong{code: probes.HTTPStatus})
	w.fault = func(r run) *wrong {
		if bad := outage(r); bad != nil {
			return bad
		}
		return noise(r)
	}
	f := incident.New()
	for _, r := range w.runs() {
		f.Add(r)
	}
	// Four days later all lanes have had a run again.
	later := w
	later.fault = func(run) *wrong { return nil }
	later.length = 5
	for _, r := range later.runs() {
		r.Started, r.Received = r.Started.Add(4*24*time.Hour), r.Received.Add(4*24*time.Hour)
		r.TraceID = "f" + r.TraceID[1:]
		f.Add(r)
	}
	now := begin.Add(4*24*time.Hour + time.Hour)
	up := []incident.Span{{From: begin, To: w.end()}, {From: begin.Add(4 * 24 * time.Hour), To: now}}
	before := f.Incidents(now, up)
	f.Forget(now, 30*24*time.Hour)
	held := f.Stats().Episodes
	if diff := cmp.Diff(before, f.Incidents(now, up)); diff != "" {
		t.Error(diff)
	}
	if held > 2*300 { // episodes: the outage's lanes, hardly more
		t.Errorf("%d episodes are held", held)
	}
	f.Forget(now, 2*24*time.Hour)
	for _, i := range f.Incidents(now, up) {
		if i.FirstFailure.Before(now.Add(-2 * 24 * time.Hour)) {
			t.Errorf("%s is still told", i.Title)
		}
	}
}
