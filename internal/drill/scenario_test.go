package drill

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sonde-media/sonde/internal/config"
	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
)

// A lane is a target as it is probed from a region.
type lane struct {
	target probes.Target
	region string
	probe  probes.Func
}

// A vantage probes a scenario's targets from its regions, as agents do.
type vantage struct {
	*World
	lanes []lane
}

// stand runs a scenario's world and makes probes by the configuration that it
// writes.
func stand(t *testing.T, s Scenario) *vantage {
	t.Helper()
	w, err := s.Open()
	if errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	keepRunning(t, w)
	path, err := w.Config(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	v := &vantage{World: w}
	for _, g := range s.Regions {
		o, err := c.Wire()
		if err != nil {
			t.Fatal(err)
		}
		o.Resolver = w.Resolver(g.Name)
		n, err := wire.New(o)
		if err != nil {
			t.Fatal(err)
		}
		for _, target := range c.For(g.Name) {
			f, err := config.NewProbe(n, target)
			if err != nil {
				t.Fatal(err)
			}
			v.lanes = append(v.lanes, lane{target, g.Name, f})
		}
	}
	return v
}

// probe runs every lane once, a few at a time.
func (v *vantage) probe(t *testing.T) []*probes.Run {
	runs := make([]*probes.Run, len(v.lanes))
	var wg sync.WaitGroup
	turns := make(chan struct{}, 4)
	for i, l := range v.lanes {
		wg.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			runs[i] = probes.Do(t.Context(), l.probe, l.target)
		})
	}
	wg.Wait()
	return runs
}

// begin has the outage begun some time ago.
func (v *vantage) begin(t *testing.T, ago time.Duration) Truth {
	t.Helper()
	v.mu.Lock()
	v.faults = nil
	v.mu.Unlock()
	if err := v.Start(time.Now().Add(-ago)); err != nil {
		t.Fatal(err)
	}
	truth, err := v.Truth()
	if err != nil {
		t.Fatal(err)
	}
	return truth
}

// healthy checks that runs are as they should be, but for findings of the codes
// allowed.
func (v *vantage) healthy(t *testing.T, when string, runs []*probes.Run, allowed []string) {
	t.Helper()
	for i, r := range runs {
		for _, f := range r.Findings {
			if !slices.Contains(allowed, string(f.Code)) {
				t.Errorf("%s: %s in %s: finding %s at %s: %s", when, r.Target.Name, v.lanes[i].region, f.Code, f.Host, f.Detail)
			}
		}
		if r.Outcome != probes.OK && (r.Outcome != probes.Degraded || len(allowed) == 0) {
			t.Errorf("%s: %s in %s: got %s %s at %s: %s", when, r.Target.Name, v.lanes[i].region, r.Outcome, r.Code, r.Culprit, r.Detail)
		}
	}
}

// shows reports whether r is what the truth tells of.
func (v *vantage) shows(truth Truth, r *probes.Run) error {
	code, culprit, cause := r.Code, r.Culprit, r.Cause
	if truth.Severity == "warning" {
		for _, f := range r.Findings {
			if string(f.Code) == truth.Code {
				code, culprit, cause = f.Code, f.Host, f.Host
			}
		}
	} else if r.Outcome != probes.Failed {
		code = ""
	}
	if i := v.scenario.hostAt(culprit); i >= 0 && (v.scenario.Hosts[i].CDN == truth.Cause || registrable(culprit) == truth.Cause) {
		cause = truth.Cause // which takes more runs than one to tell
	}
	if string(code) != truth.Code || !slices.Contains(truth.Culprits, culprit) || cause != truth.Cause {
		return fmt.Errorf("got %s %q by %s at %s: %s", r.Outcome, code, cause, culprit, r.Detail)
	}
	return nil
}

// TestScenariosAreTrue probes each world before, in and after its outage: what
// its file calls the truth can be seen, where it says and nowhere else.
func TestScenariosAreTrue(t *testing.T) {
	for _, s := range Scenarios() {
		t.Run(s.Name, func(t *testing.T) {
			v := stand(t, s)
			v.healthy(t, "before", v.probe(t), nil)
			if s.Truth.None {
				return
			}
			seen := false
			for _, at := range phases(s) {
				truth := v.begin(t, at+1500*time.Millisecond) // certificates know whole seconds
				when := fmt.Sprintf("at %v", at)
				runs := v.probe(t)
				var errs []error
				for i, r := range runs {
					l := v.lanes[i]
					if !slices.Contains(truth.Targets, l.target.Name) || !slices.Contains(truth.Regions, l.region) {
						v.healthy(t, when, []*probes.Run{r}, truth.Warnings)
					} else if err := v.shows(truth, r); err != nil {
						errs = append(errs, fmt.Errorf("%s: %s in %s: %w", when, l.target.Name, l.region, err))
					}
				}
				seen = seen || errs == nil
				if errs != nil {
					t.Log(errors.Join(errs...))
				}
			}
			if !seen {
				t.Error("the truth can't be seen at any time")
			}
			truth := v.begin(t, time.Duration(s.Length)*s.Interval)
			v.healthy(t, "after", v.probe(t), truth.Warnings)
		})
	}
}

// phases are when something begins to be otherwise.
func phases(s Scenario) (all []time.Duration) {
	for _, f := range s.Faults {
		if !slices.Contains(all, f.At) {
			all = append(all, f.At)
		}
	}
	return all
}

func TestScenariosAreWhole(t *testing.T) {
	all := Scenarios()
	if len(all) < 19 {
		t.Errorf("got %d scenarios, want the 18 outages and a quiet one", len(all))
	}
	for _, s := range all {
		end := time.Duration(0)
		for _, f := range s.Faults {
			end = max(end, f.At+f.For)
		}
		if length := time.Duration(s.Length) * s.Interval; !s.Truth.None && length != end {
			t.Errorf("%s: got a length of %v, want %v, when the last fault ends", s.Name, length, end)
		}
		if s.Warmup < 6 && !s.Truth.None {
			t.Errorf("%s: got a warm-up of %d intervals, want 6 or more", s.Name, s.Warmup)
		}
		named := slices.Concat(s.Truth.Services, s.Truth.ServicesUnaffected)
		if slices.Sort(named); !s.Truth.None && !slices.Equal(named, s.Services) {
			t.Errorf("%s: got services %v in its truth, want each once: %v", s.Name, named, s.Services)
		}
		for _, code := range append(s.Truth.Warnings, s.Truth.Code) {
			if !probes.Code(code).Known() && !s.Truth.None {
				t.Errorf("%s: there is no code %q", s.Name, code)
			}
		}
	}
}

func TestLoadTellsAllErrorsByLine(t *testing.T) {
	_, err := Load("bad", []byte(`titel x
region us-east name="Virginia lat=38
region a lat=91
region a
host www.shop.example cdn=nobody
host WWW
host cdn.castle.example edges=0
host cdn.castle.example
show s title=S feed=nowhere.example media=www.shop.example
page p title=P host=www.shop.example path=shop
page p title=P host=www.shop.example
target feed Shop of=shop
target page Shop of=p regions=b
  service=S service=S color=red
fault http_status at=0 host=www.shop.example
fault fire at=x
fault dns_answer value=MAYBE zone=other.example
restart b at=1
interval 1y
truth code=http_status
`))
	for _, want := range []string{
		`bad.txt:1: unknown word "titel"`, `bad.txt:2: the quote`, `bad.txt:3: lat: want a number from -90 to 90`, `bad.txt:4: region a: there already`,
		`bad.txt:5: cdn "nobody" is unknown`, `bad.txt:6: host "WWW": want a name`, `bad.txt:7: edges: want a number from 1 to 8`, `bad.txt:8: host cdn.castle.example: there already`,
		`bad.txt:9: feed: there is no host "nowhere.example"`, `bad.txt:10: page p: title or host is missing, or its path`, `bad.txt:11: p stands above already`,
		`bad.txt:12: target Shop: there is no feed "shop"`, `bad.txt:13: regions: there is no region "b"`, `bad.txt:13: service stands here twice`, `bad.txt:13: target has no key "color"`,
		`bad.txt:15: fault http_status: value: want a status`, `bad.txt:16: at: want a number`, `bad.txt:16: fault fire: unknown kind`, `bad.txt:17: value: want a number, or a DNS response code`,
		`bad.txt:17: fault dns_answer: there is no such place`, `bad.txt:18: there is no agent "b"`, `bad.txt:19: interval: want a time`, `bad.txt:20: truth: code, cause`, `bad.txt:1: title, a region`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q", want)
		}
	}
	if t.Failed() {
		t.Logf("got\n%v", err)
	}
}

func TestLoadReadsLinesThatGoOn(t *testing.T) {
	s, err := Load("good", []byte("truth none\ntarget page \"The Shop\" of=p # a comment\n\tservice=\"Store front\"\npage p\n  title=\"A = B\" host=www.shop.example\nhost www.shop.example\nregion a agents=2\ntitle A #1 day\n"))
	if err != nil {
		t.Fatal(err)
	}
	if s.Title != "A" || s.Pages[0].Title != "A = B" || s.Targets[0].Service != "Store front" || len(s.Agents) != 2 || s.Agents[1].Name != "a-2" {
		t.Errorf("got %+v", s)
	}
	if _, err := Load("bad", []byte(" title A\n")); err == nil || !strings.Contains(err.Error(), "bad.txt:1: there is no line above") {
		t.Errorf("got %v", err)
	}
}

func FuzzLoad(f *testing.F) {
	for _, s := range Scenarios() {
		text, err := files.ReadFile("scenarios/" + s.Name + ".txt")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(_ *testing.T, text []byte) { Load("fuzz", text) })
}
