package wire_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/internal/wire/wiretest"
	"github.com/sonde-media/sonde/probes"
)

func TestRunBudget(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write(make([]byte, 200_000)) }))
	defer s.Close()
	n := newNet(t, wire.Options{AllowPrivate: true, Limits: wire.Limits{RunBytes: 300_000}})
	ask := func(n *wire.Net) (string, string) {
		root := probes.NewStep("root")
		_, err := n.Fetch(t.Context(), root, wire.Request{URL: s.URL, Keep: 200_000})
		if err == nil {
			return "", ""
		}
		return wiretest.Outline(root), err.Error()
	}
	for range 2 { // each visit has a budget of its own
		visit := n.Visit()
		if _, detail := ask(visit); detail != "" {
			t.Fatalf("within the budget: %s", detail)
		}
		outline, detail := ask(visit)
		if want := "    body !guard_budget\n"; !strings.HasSuffix(outline, want) || !strings.Contains(detail, "run_bytes") {
			t.Errorf("past the budget: got\n%s%s", outline, detail)
		}
		if outline, _ := ask(visit); outline != "root\n  hop !guard_budget\n" {
			t.Errorf("with nothing left: got\n%s", outline)
		}
	}
}

// With one connection a host two runs come one after the other, and waiting
// stands in no step of the server's.
func TestHostParallel(t *testing.T) {
	in, out := make(chan struct{}), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in <- struct{}{}
		<-out
		w.Write([]byte("x"))
	}))
	defer s.Close()
	n := newNet(t, wire.Options{AllowPrivate: true, Limits: wire.Limits{HostParallel: 1}})
	var wg sync.WaitGroup
	runs := make([]*probes.Run, 2)
	for i := range runs {
		wg.Go(func() { runs[i] = fetchOnce(n.Visit(), s.URL) })
	}
	<-in
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	root := probes.NewStep("root")
	_, err := n.Visit().Fetch(ctx, root, wire.Request{URL: s.URL, Keep: 1})
	if f := probes.AsFailure(cmpErr(err)); f.Code != probes.GuardBudget || wiretest.Outline(root) != "root\n  hop !guard_budget\n" {
		t.Errorf("who waits in vain: got %v\n%s", err, wiretest.Outline(root))
	}
	select {
	case <-in:
		t.Error("both were served at once")
	default:
	}
	out <- struct{}{}
	<-in
	out <- struct{}{}
	wg.Wait()
	for _, r := range runs {
		if r.Code != "" {
			t.Errorf("got %s: %s", r.Code, r.Detail)
		}
	}
}

// A page needs several connections to one host, by several origins: it must not
// wait for those it holds itself.
func TestPoolWithOneConnectionAHost(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("x")) })
	a, b := httptest.NewServer(h), httptest.NewServer(h)
	defer a.Close()
	defer b.Close()
	n := newNet(t, wire.Options{AllowPrivate: true, Limits: wire.Limits{HostParallel: 1}})
	for range 2 { // the second run finds what the first gave back
		p := n.Visit().Pool()
		root := fetchAll(t, p, a.URL+"/1", a.URL+"/2", a.URL+"/3", b.URL+"/4", b.URL+"/5")
		p.Close()
		connects := 0
		for s := range root.All() {
			if s.Fail != nil {
				t.Errorf("%s: %v", s.Name, s.Fail)
			}
			if s.Name == "connect" {
				connects++
			}
		}
		if connects != 2 {
			t.Errorf("got %d connections, want one an origin", connects)
		}
	}
}

// Who asked to wait, or whose turn is far away, isn't asked: nothing is dialled.
func TestHostIsLeftAlone(t *testing.T) {
	for what, c := range map[string]struct {
		limits wire.Limits
		status int
		wait   string
		first  probes.Code
		second string
	}{
		"throttled":        {wire.Limits{}, 429, "120", probes.HTTPThrottled, "Retry-After"},
		"unavailable":      {wire.Limits{}, 503, "120", probes.HTTPStatus, "Retry-After"},
		"rate":             {wire.Limits{HostRate: wire.MinHostRate}, 200, "", "", "host_rate"},
		"bytes of a host":  {wire.Limits{HostDayBytes: 1}, 200, "", "", "host_day_bytes"},
		"bytes of the day": {wire.Limits{DayBytes: 1}, 200, "", "", "day_bytes"},
	} {
		asked := 0
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked++
			if c.wait != "" {
				w.Header().Set("Retry-After", c.wait)
			}
			w.WriteHeader(c.status)
			w.Write([]byte("x"))
		}))
		n := newNet(t, wire.Options{AllowPrivate: true, Limits: c.limits})
		if r := fetchOnce(n.Visit(), s.URL); r.Code != c.first {
			t.Errorf("%s: the first run: got %s: %s", what, r.Code, r.Detail)
		}
		r := fetchOnce(n.Visit(), s.URL)
		if outline := wiretest.Outline(r.Root); r.Outcome != probes.Unknown || outline != "probe  !guard_budget\n  hop !guard_budget\n" || !strings.Contains(r.Detail, c.second) {
			t.Errorf("%s: the second run: got %s: %s\n%s", what, r.Outcome, r.Detail, outline)
		}
		if asked != 1 {
			t.Errorf("%s: asked %d times", what, asked)
		}
		s.Close()
	}
}

// A turn that comes soon is waited for: four requests may come at once, the
// fifth a quarter of a second after the first had its turn.
func TestHostRateWaits(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("x")) }))
	defer s.Close()
	n := newNet(t, wire.Options{AllowPrivate: true, Limits: wire.Limits{HostRate: 4}})
	begin := time.Now()
	for range 5 {
		if r := fetchOnce(n.Visit(), s.URL); r.Code != "" {
			t.Fatalf("got %s: %s", r.Code, r.Detail)
		}
	}
	if took := time.Since(begin); took < 250*time.Millisecond {
		t.Errorf("five requests took %s", took)
	}
}
