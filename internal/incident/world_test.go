package incident_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/incident"
	"github.com/sonde-media/sonde/probes"
)

var begin = time.Date(2026, 5, 31, 0, 0, 0, 0, time.UTC)

const interval = time.Minute

// A world makes the runs that agents would have sent.
type world struct {
	targets []target
	agents  []seat
	length  int // intervals
	// fault says what is wrong with one run; nil: nothing.
	fault func(run) *wrong
}

type target struct {
	name, service string
	hosts         []hop
}

type hop struct{ host, address, cert, cdn string }

type seat struct{ region, agent string }

// A run is where and when.
type run struct {
	target
	seat
	n int // its number, from 0
}

// wrong is what befell a run: at is the number of the hop that failed.
type wrong struct {
	code     probes.Code
	at       int
	cause    string // "": the host
	findings []probes.Finding
}

func (w world) runs() (all []*incident.Run) {
	for n := range w.length {
		for ti, t := range w.targets {
			for si, s := range w.agents {
				all = append(all, w.run(run{t, s, n}, time.Duration(ti*7+si*3)*time.Second%interval))
			}
		}
	}
	return all
}

func (w world) run(r run, phase time.Duration) *incident.Run {
	at := begin.Add(time.Duration(r.n)*interval + phase)
	sum := sha256.Sum256(fmt.Append(nil, r.name, r.region, r.agent, r.n))
	made := &incident.Run{Run: api.Run{
		TraceID: hex.EncodeToString(sum[:16]), Region: r.region, Agent: r.agent, Target: r.name, Service: r.service,
		Started: at, Received: at.Add(2 * time.Second), Interval: interval, Outcome: probes.OK,
	}}
	bad := w.fault(r)
	for i, h := range r.hosts {
		made.Hops = append(made.Hops, incident.Hop{Host: h.host, Address: h.address, Cert: h.cert, CDN: h.cdn})
		if bad == nil || bad.code == "" || bad.at != i {
			continue
		}
		made.Outcome, made.Code, made.Culprit, made.Cause = probes.Failed, bad.code, h.host, h.host
		if bad.cause != "" {
			made.Cause = bad.cause
		}
		if bad.code.Ours() {
			made.Outcome = probes.Unknown
		}
		made.Hops[i].Code = bad.code
		break
	}
	if bad != nil && bad.code == "" {
		made.Outcome, made.Findings = probes.Degraded, bad.findings
	}
	return made
}

var everywhere = []seat{{"eu", "a-eu"}, {"us", "a-us"}, {"ap", "a-ap"}}

// shows are n targets of a service, each with a feed of its own and one media
// host.
func shows(n int, service string, media hop) (all []target) {
	for i := range n {
		feed := hop{host: fmt.Sprintf("feeds%d.%s.example", i, service), address: fmt.Sprintf("192.0.2.%d", i)}
		all = append(all, target{fmt.Sprintf("%s/show%d", service, i), service, []hop{feed, media}})
	}
	return all
}

// fold returns what the runs come to at the end of the world.
func fold(runs []*incident.Run, now time.Time) []api.Incident {
	f := incident.New()
	for _, r := range runs {
		f.Add(r)
	}
	return f.Incidents(now, nil)
}

func (w world) end() time.Time { return begin.Add(time.Duration(w.length) * interval) }

func shuffled(runs []*incident.Run, reach int, seed uint64) []*incident.Run {
	rnd := rand.New(rand.NewPCG(seed, 1))
	type keyed struct {
		*incident.Run
		key int
	}
	all := make([]keyed, 0, len(runs))
	for i, r := range runs {
		all = append(all, keyed{r, i + rnd.IntN(reach)})
		if rnd.IntN(5) == 0 {
			all = append(all, keyed{r, i + rnd.IntN(reach)})
		}
	}
	slices.SortStableFunc(all, func(a, b keyed) int { return a.key - b.key })
	out := make([]*incident.Run, len(all))
	for i, k := range all {
		out[i] = k.Run
	}
	return out
}

func one(t *testing.T, all []api.Incident) api.Incident {
	t.Helper()
	if len(all) != 1 {
		for _, i := range all {
			t.Logf("%s %s %s %s %v %v", i.ID, i.Code, i.Cause, i.Scope, i.Regions, i.Targets)
		}
		t.Fatalf("got %d incidents, want 1", len(all))
	}
	return all[0]
}
