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

var (
	media = hop{host: "cdn.media.example", address: "198.51.100.7", cert: "AA11"}
	other = hop{host: "cdn.other.example", address: "203.0.113.9", cert: "BB22"}
)

// between fails runs numbered from ≤ n < to that use host.
func between(from, to int, host string, w wrong) func(run) *wrong {
	return func(r run) *wrong {
		for i, h := range r.hosts {
			if h.host == host && r.n >= from && r.n < to {
				bad := w
				bad.at = i
				return &bad
			}
		}
		return nil
	}
}

func TestExpiredCertificate(t *testing.T) {
	w := world{
		targets: append(shows(5, "Podcasts", media), shows(4, "News", other)...), agents: everywhere, length: 60,
		fault: between(20, 40, media.host, wrong{code: probes.TLSExpired, cause: "AA11"}),
	}
	i := one(t, fold(w.runs(), w.end()))
	if i.Code != probes.TLSExpired || i.Cause != "AA11" || i.Culprit != media.host || i.Scope != api.ScopeGlobal {
		t.Errorf("got %s by %s at %s, %s", i.Code, i.Cause, i.Culprit, i.Scope)
	}
	if len(i.Targets) != 5 || i.Using != 5 || len(i.Regions) != 3 {
		t.Errorf("got %d targets of %d in %d regions, want 5 of 5 in 3", len(i.Targets), i.Using, len(i.Regions))
	}
	if diff := cmp.Diff([][]string{{"Podcasts"}, {"News"}}, [][]string{i.Services, i.ServicesUnaffected}); diff != "" {
		t.Error(diff)
	}
	if i.Severity != api.SeverityCritical || i.End != api.EndRecovered || i.Resolved == nil {
		t.Errorf("got %s, end %q, resolved %v", i.Severity, i.End, i.Resolved)
	}
	if took := i.Detected.Sub(i.FirstFailure); took > interval {
		t.Errorf("detected after %v", took)
	}
	for _, r := range i.PerRegion {
		if r.Recovered == nil || r.Recovered.Before(begin.Add(40*interval)) {
			t.Errorf("%s recovered at %v", r.Region, r.Recovered)
		}
	}
}

func TestRegional(t *testing.T) {
	bad := between(20, 60, media.host, wrong{code: probes.HTTPStatus})
	w := world{targets: shows(3, "Podcasts", media), agents: everywhere, length: 60, fault: func(r run) *wrong {
		if r.region != "ap" {
			return bad(r)
		}
		return nil
	}}
	i := one(t, fold(w.runs(), w.end()))
	if diff := cmp.Diff([]string{"eu", "us"}, i.Regions); i.Scope != api.ScopeRegional || diff != "" || i.Resolved != nil {
		t.Errorf("got %s, resolved %v: %s", i.Scope, i.Resolved, diff)
	}
}

func TestSingleVantage(t *testing.T) {
	w := world{
		targets: shows(1, "Podcasts", media), agents: everywhere[:1], length: 30,
		fault: between(10, 30, media.host, wrong{code: probes.HTTPMissing}),
	}
	if i := one(t, fold(w.runs(), w.end())); i.Scope != api.ScopeSingle || i.Detected.Sub(i.FirstFailure) > 2*interval {
		t.Errorf("got %s after %v", i.Scope, i.Detected.Sub(i.FirstFailure))
	}
}

func TestCDN(t *testing.T) {
	var targets []target
	for i := range 6 {
		cdn := "Fastish"
		if i >= 4 {
			cdn = "Slowish"
		}
		host := hop{host: fmt.Sprintf("www.site%d.example", i), address: fmt.Sprintf("198.51.%d.7", i), cdn: cdn}
		targets = append(targets, target{fmt.Sprintf("site%d", i), fmt.Sprintf("S%d", i), []hop{host}})
	}
	w := world{targets: targets, agents: everywhere, length: 90, fault: func(r run) *wrong {
		// It flaps: three intervals bad, two good.
		if r.hosts[0].cdn == "Fastish" && r.n >= 20 && r.n < 60 && r.n%5 < 3 {
			return &wrong{code: probes.HTTPStatus}
		}
		return nil
	}}
	i := one(t, fold(w.runs(), w.end()))
	if i.Cause != "Fastish" || len(i.Targets) != 4 || i.Scope != api.ScopeGlobal || i.End != api.EndRecovered {
		t.Errorf("got %s, %d targets, %s, %s", i.Cause, len(i.Targets), i.Scope, i.End)
	}
}

func TestAddressBlock(t *testing.T) {
	var targets []target
	for i := range 5 {
		host := hop{host: fmt.Sprintf("www.site%d.example", i), address: fmt.Sprintf("198.51.%d.%d", i/4, i)}
		targets = append(targets, target{fmt.Sprintf("site%d", i), "S", []hop{host}})
	}
	w := world{targets: targets, agents: everywhere, length: 60, fault: func(r run) *wrong {
		if r.name != "site4" && r.n >= 20 {
			return &wrong{code: probes.ConnectTimeout}
		}
		return nil
	}}
	if i := one(t, fold(w.runs(), w.end())); i.Cause != "198.51.0.0/24" || len(i.Targets) != 4 {
		t.Errorf("got %s, %v", i.Cause, i.Targets)
	}
}

// A zone's servers time out first and then answer errors; one cause is the
// zone, the other an alias.
func TestOneOutageOfDNS(t *testing.T) {
	w := world{targets: shows(3, "Podcasts", media), agents: everywhere, length: 60, fault: func(r run) *wrong {
		switch {
		case r.n >= 20 && r.n < 24:
			return &wrong{code: probes.DNSTimeout, at: 1}
		case r.n >= 24 && r.n < 40:
			return &wrong{code: probes.DNSServer, at: 1, cause: "media.example"}
		}
		return nil
	}}
	i := one(t, fold(w.runs(), w.end()))
	if i.Culprit != media.host || len(i.Codes) != 2 {
		t.Errorf("got %s, codes %v", i.Culprit, i.Codes)
	}
}

func TestIllAgent(t *testing.T) {
	var targets []target
	for i := range 6 {
		host := hop{host: fmt.Sprintf("www.site%d.example", i), address: fmt.Sprintf("198.51.%d.7", i)}
		targets = append(targets, target{fmt.Sprintf("site%d", i), "S", []hop{host}})
	}
	w := world{targets: targets, agents: everywhere, length: 60, fault: func(r run) *wrong {
		if r.agent == "a-us" && r.n >= 20 && r.n < 40 {
			return &wrong{code: probes.ConnectTimeout}
		}
		return nil
	}}
	i := one(t, fold(w.runs(), w.end()))
	if i.Scope != api.ScopeAgent || i.Cause != "a-us" || len(i.Regions) != 1 {
		t.Errorf("got %s by %s in %v", i.Scope, i.Cause, i.Regions)
	}
}

// Of two agents in a region one alone sees it.
func TestOneOfTwoAgents(t *testing.T) {
	w := world{
		targets: shows(2, "Podcasts", media), agents: append(slices.Clone(everywhere), seat{"eu", "b-eu"}), length: 40,
		fault: func(r run) *wrong {
			if r.agent == "b-eu" && r.n >= 20 {
				return &wrong{code: probes.HTTPDenied, at: 1}
			}
			return nil
		},
	}
	if i := one(t, fold(w.runs(), w.end())); i.Scope != api.ScopeAgent {
		t.Errorf("got %s", i.Scope)
	}
}

func TestWarning(t *testing.T) {
	w := world{
		targets: shows(3, "Podcasts", media), agents: everywhere, length: 40,
		fault: func(r run) *wrong {
			if r.n < 20 {
				return nil
			}
			return &wrong{findings: []probes.Finding{
				{Code: probes.RangeIgnored, Severity: probes.Warning, Host: media.host},
				{Code: probes.LengthMismatch, Severity: probes.Notice, Host: media.host},
			}}
		},
	}
	i := one(t, fold(w.runs(), w.end()))
	if i.Code != probes.RangeIgnored || i.Severity != api.SeverityWarning || i.Cause != media.host {
		t.Errorf("got %s, %s at %s", i.Code, i.Severity, i.Cause)
	}
}

// A warning about a host that fails elsewhere is no incident of its own.
func TestWarningOfAFailure(t *testing.T) {
	w := world{targets: shows(4, "Podcasts", media), agents: everywhere, length: 40, fault: func(r run) *wrong {
		switch {
		case r.n < 20:
			return nil
		case r.name == "Podcasts/show3":
			return &wrong{findings: []probes.Finding{{Code: probes.PageAsset, Severity: probes.Warning, Host: media.host}}}
		}
		return &wrong{code: probes.TLSExpired, at: 1, cause: "AA11"}
	}}
	i := one(t, fold(w.runs(), w.end()))
	if diff := cmp.Diff([]probes.Code{probes.PageAsset}, i.Absorbed); diff != "" || len(i.Targets) != 3 {
		t.Errorf("%v %s", i.Targets, diff)
	}
}

func TestUnverified(t *testing.T) {
	w := world{
		targets: shows(2, "Podcasts", media), agents: everywhere, length: 30,
		fault: between(20, 30, media.host, wrong{code: probes.TLSExpired, cause: "AA11"}),
	}
	f := incident.New()
	for _, r := range w.runs() {
		f.Add(r)
	}
	for _, a := range w.agents { // which go on, and probe something else
		for n := range w.length + 4 {
			f.Beat(a.region, a.agent, begin.Add(time.Duration(n)*interval), interval)
		}
	}
	i := one(t, f.Incidents(w.end().Add(4*interval), nil))
	if i.End != api.EndUnverified || i.Resolved == nil {
		t.Errorf("got end %q, resolved %v", i.End, i.Resolved)
	}
	down := []incident.Span{{From: begin, To: w.end()}}
	if i := one(t, f.Incidents(w.end().Add(time.Hour), down)); i.End != "" {
		t.Errorf("ended as %q while the hub was down", i.End)
	}
}

// Runs that come late, twice or in another order change nothing.
func TestOrderDoesNotMatter(t *testing.T) {
	flapping := between(20, 45, media.host, wrong{code: probes.HTTPStatus})
	w := world{
		targets: append(shows(5, "Podcasts", media), shows(4, "News", other)...), agents: everywhere, length: 80,
		fault: func(r run) *wrong {
			if r.service == "News" && r.region == "eu" && r.n > 30 && r.n < 50 {
				return &wrong{code: probes.DNSNoAddress, at: 1}
			}
			if r.n%7 == 0 {
				return nil
			}
			return flapping(r)
		},
	}
	runs := w.runs()
	want := fold(runs, w.end())
	if len(want) != 2 {
		t.Fatalf("got %d incidents, want 2", len(want))
	}
	lanes := len(w.targets) * len(w.agents)
	for seed := range uint64(20) {
		if diff := cmp.Diff(want, fold(shuffled(runs, 3*lanes, seed), w.end())); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
	}
	// One agent's whole past arrives after that of the others.
	slices.SortStableFunc(runs, func(a, b *incident.Run) int {
		return map[bool]int{true: 1}[a.Region == "us"] - map[bool]int{true: 1}[b.Region == "us"]
	})
	if diff := cmp.Diff(want, fold(runs, w.end())); diff != "" {
		t.Error(diff)
	}
}

// What comes later than the run that opened an incident doesn't rename it.
func TestIDStays(t *testing.T) {
	w := world{
		targets: shows(5, "Podcasts", media), agents: everywhere, length: 60,
		fault: between(20, 60, media.host, wrong{code: probes.TLSExpired, cause: "AA11"}),
	}
	runs := w.runs()
	for _, r := range runs {
		if r.Region == "us" { // its agent's runs waited in the spool
			r.Received = w.end()
		}
	}
	slices.SortStableFunc(runs, func(a, b *incident.Run) int { return a.Received.Compare(b.Received) })
	f := incident.New()
	first := ""
	for _, r := range runs {
		f.Add(r)
		all := f.Incidents(r.Received, nil)
		if len(all) == 0 {
			continue
		}
		if first == "" {
			first = all[0].ID
		}
		if i := one(t, all); i.ID != first {
			t.Fatalf("renamed from %s to %s at %v", first, i.ID, r.Received)
		}
	}
}

func TestGarbage(t *testing.T) {
	f := incident.New()
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 20_000 {
		r := &incident.Run{Run: api.Run{
			TraceID: fmt.Sprint(rnd.Uint64()), Target: fmt.Sprint("t", rnd.IntN(500)), Region: fmt.Sprint("r", rnd.IntN(3)),
			Started: begin.Add(time.Duration(rnd.Int64N(1e13)) - 5000*time.Second), Outcome: probes.Outcomes[rnd.IntN(4)],
			Code: probes.Codes()[rnd.IntN(30)], Culprit: fmt.Sprint("h", rnd.IntN(9)), Interval: time.Duration(rnd.Int64N(1e10)) - 1e9,
		}}
		if rnd.IntN(4) == 0 {
			r.Code, r.Culprit, r.Cause = "", "", ""
		}
		f.Add(r)
	}
	f.Add(&incident.Run{})
	f.Incidents(begin.Add(time.Hour), nil)
	if s := f.Stats(); s.Refused == 0 || s.Runs == 0 {
		t.Errorf("got %+v", s)
	}
}

func BenchmarkFold(b *testing.B) {
	w := world{
		targets: append(shows(200, "Podcasts", media), shows(200, "News", other)...), agents: everywhere, length: 40,
		fault: between(20, 40, media.host, wrong{code: probes.TLSExpired, cause: "AA11"}),
	}
	runs := w.runs()
	b.ReportAllocs()
	for b.Loop() {
		fold(runs, w.end())
	}
	b.ReportMetric(float64(len(runs))*float64(b.N)/b.Elapsed().Seconds(), "runs/s")
}

// Resolvers that get no answer don't say which zone they asked for.
func TestZoneOfWhichNothingResolves(t *testing.T) {
	page := func(name string) target { return target{name, name, []hop{{host: name + ".social.example"}}} }
	names := []string{"www", "photos", "help"}
	for _, c := range []struct {
		failing []string
		want    []string // causes
	}{
		{names, []string{"social.example"}},
		{names[:2], []string{"social.example"}},
		{names[:1], []string{"www.social.example"}},
	} {
		w := world{targets: shows(2, "Podcasts", media), agents: everywhere, length: 60, fault: func(r run) *wrong {
			if slices.Contains(c.failing, r.name) && r.n >= 20 && r.n < 40 {
				return &wrong{code: probes.DNSServer}
			}
			return nil
		}}
		for _, name := range names {
			w.targets = append(w.targets, page(name))
		}
		var got []string
		for _, i := range fold(w.runs(), w.end()) {
			got = append(got, i.Cause)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v fail: got %v, want %v", c.failing, got, c.want)
		}
	}
}
