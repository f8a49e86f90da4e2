package drill

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

var outage = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// after is a time so many seconds after the outage began.
func after(seconds float64) time.Time {
	return outage.Add(time.Duration(seconds * float64(time.Second)))
}

func truth() Truth {
	return Truth{
		Code: "tls_expired", Cause: "AB12", Culprits: []string{"a.example", "b.example"}, Scope: "regional", Severity: "major",
		Regions: []string{"eu", "us"}, Services: []string{"Podcasts"}, ServicesUnaffected: []string{"Shop"},
		Targets: []string{"One", "Two"}, Recovers: true, Warnings: []string{"cert_expiring"},
	}
}

// told is the incident that says what truth does.
func told(change func(*api.Incident)) api.Incident {
	i := api.Incident{
		ID: "1", Code: probes.TLSExpired, Cause: "AB12", Culprit: "b.example", Scope: api.ScopeRegional, Severity: api.SeverityMajor,
		Regions: []string{"us", "eu"}, Services: []string{"Podcasts"}, ServicesUnaffected: []string{"Shop"}, Targets: []string{"One", "Two"},
		Detected: after(1),
	}
	if change != nil {
		change(&i)
	}
	return i
}

func ended(i *api.Incident) {
	at := after(13)
	i.Resolved, i.End = &at, api.EndRecovered
}

// course is one of a second an interval in which at each time so many seconds
// after the begin the hub told so many incidents; the outage takes 12.
func course(seen map[float64][]api.Incident) Course {
	c := Course{Begin: outage, End: after(12), Interval: time.Second, Confirmable: after(1.2)}
	for at := -5.0; at < 30; at += 0.5 {
		if told, ok := seen[at]; ok {
			c.See(after(at), told)
		}
	}
	return c
}

func TestScore(t *testing.T) {
	right, over := told(nil), told(ended)
	other := func(change func(*api.Incident)) api.Incident {
		return told(func(i *api.Incident) { ended(i); i.ID = "2"; change(i) })
	}
	for _, c := range []struct {
		name  string
		seen  map[float64][]api.Incident
		wrong string
		extra int
	}{
		{"all right", map[float64][]api.Incident{2: {right}, 15: {over}}, "", 0},
		{"nothing told", map[float64][]api.Incident{2: {}, 15: {}}, "detected", 0},
		{"another culprit than may be named", map[float64][]api.Incident{2: {told(func(i *api.Incident) { ended(i); i.Culprit = "c.example" })}}, "culprit", 0},
		{"a region and a target too many", map[float64][]api.Incident{2: {told(func(i *api.Incident) {
			ended(i)
			i.Regions, i.Targets = append(i.Regions, "ap"), append(i.Targets, "Three")
		})}}, "regions targets", 0},
		{"told late", map[float64][]api.Incident{3.5: {right}, 15: {over}}, "detected", 0},
		{"told before it began", map[float64][]api.Incident{-1: {right}, 15: {over}}, "detected", 0},
		{"recovery told late", map[float64][]api.Incident{2: {right}, 16.5: {over}}, "recovered", 0},
		{"recovery not told", map[float64][]api.Incident{2: {right}, 20: {right}}, "recovered", 0},
		{"open again after its recovery", map[float64][]api.Incident{2: {right}, 14: {over}, 15: {right}, 17: {over}}, "recovered", 0},
		{"nobody looked any more", map[float64][]api.Incident{2: {right}, 15: {told(func(i *api.Incident) { ended(i); i.End = api.EndUnverified })}}, "recovered", 0},
		{"split", map[float64][]api.Incident{2: {right}, 15: {over, other(func(i *api.Incident) { i.Targets = []string{"Two"} })}}, "extra", 1},
		{"a false alarm before it", map[float64][]api.Incident{-2: {other(func(i *api.Incident) { i.Cause = "x.example" })}, 2: {right}, 15: {over}}, "extra", 1},
		{
			"a warning that is explained",
			map[float64][]api.Incident{-2: {other(func(i *api.Incident) { i.Code = "cert_expiring" })}, 2: {right}, 15: {over}},
			"", 0,
		},
		{
			"a warning that became a part of it",
			map[float64][]api.Incident{
				0.5: {other(func(i *api.Incident) { i.Code, i.Severity = "range_wrong", api.SeverityWarning })},
				2:   {right}, 15: {told(func(i *api.Incident) { ended(i); i.Absorbed = []probes.Code{"range_wrong"} })},
			},
			"", 0,
		},
		{
			"a failure that came and went",
			map[float64][]api.Incident{
				0.5: {other(func(i *api.Incident) { i.Code = "http_status" })},
				2:   {right}, 15: {told(func(i *api.Incident) { ended(i); i.Absorbed = []probes.Code{"http_status"} })},
			},
			"extra", 1,
		},
		{
			"a warning that stays beside it",
			map[float64][]api.Incident{15: {over, other(func(i *api.Incident) { i.Code = "cert_expiring" })}, 2: {right}},
			"extra", 1,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Score(Scenario{Name: "x"}, truth(), course(c.seen))
			if got := strings.Join(r.Wrong, " "); got != c.wrong || r.ExtraIncidents != c.extra || r.Correct != (c.wrong == "") {
				t.Errorf("got %q wrong, %d extra, correct %v; want %q and %d", got, r.ExtraIncidents, r.Correct, c.wrong, c.extra)
			}
		})
	}
}

func TestScoreOfQuiet(t *testing.T) {
	quiet := Truth{None: true}
	if r := Score(Scenario{}, quiet, course(map[float64][]api.Incident{2: {}})); !r.Correct {
		t.Errorf("got wrong %v", r.Wrong)
	}
	r := Score(Scenario{}, quiet, course(map[float64][]api.Incident{2: {told(nil)}, 3: {}}))
	if r.Correct || r.ExtraIncidents != 1 || !r.Extra[0].Withdrawn {
		t.Errorf("got %+v, want one extra that was withdrawn", r)
	}
}

func TestScoreOfWhatGoesOn(t *testing.T) {
	endless := truth()
	endless.Recovers = false
	if r := Score(Scenario{}, endless, course(map[float64][]api.Incident{2: {told(nil)}})); !r.Correct {
		t.Errorf("open: got wrong %v", r.Wrong)
	}
	if r := Score(Scenario{}, endless, course(map[float64][]api.Incident{2: {told(ended)}})); r.Correct {
		t.Error("told as recovered: got correct")
	}
}

// The nearest of what was told is scored, not the first.
func TestScoreTakesTheNearest(t *testing.T) {
	stranger := told(func(i *api.Incident) { i.ID, i.Cause, i.Code = "2", "z.example", probes.HTTPStatus })
	r := Score(Scenario{}, truth(), course(map[float64][]api.Incident{1: {stranger}, 2: {told(nil), stranger}, 15: {told(ended), stranger}}))
	if r.Incident != "1" || r.ExtraIncidents != 1 || *r.SecondsToDetect != 2 {
		t.Errorf("got incident %s, %d extra, %v s", r.Incident, r.ExtraIncidents, *r.SecondsToDetect)
	}
}

// The keys of the JSON are a contract.
func TestResultAsJSON(t *testing.T) {
	for _, c := range []struct {
		name string
		r    Result
		want map[string]string
	}{
		{
			"told", Score(Scenario{Name: "x"}, truth(), course(map[float64][]api.Incident{2.5: {told(nil)}, 15: {told(ended)}})),
			map[string]string{
				"drill": `"x"`, "correct": "true", "seconds_to_detect": "2.5", "intervals_to_detect": "2.5", "extra_incidents": "0",
				"reported": `{"code":"tls_expired","cause":"AB12","culprit":"b.example","scope":"regional","severity":"major",` +
					`"regions":["eu","us"],"services":["Podcasts"],"services_unaffected":["Shop"],"targets":["One","Two"]}`,
			},
		},
		{
			"quiet", Score(Scenario{Name: "q"}, Truth{None: true}, course(nil)),
			map[string]string{"correct": "true", "expected": "{}", "reported": "{}", "seconds_to_detect": "null", "intervals_to_detect": "null"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, err := json.Marshal(c.r)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]json.RawMessage{}
			if err := json.Unmarshal(text, &got); err != nil {
				t.Fatal(err)
			}
			for key, want := range c.want {
				if string(got[key]) != want {
					t.Errorf("%s: got %s, want %s", key, got[key], want)
				}
			}
		})
	}
}

func TestConfirmable(t *testing.T) {
	run := func(at float64, target, agent string, outcome probes.Outcome) api.Run {
		return api.Run{Started: after(at), Duration: 100 * time.Millisecond, Target: target, Agent: agent, Outcome: outcome}
	}
	bad, good := probes.Failed, probes.OK
	for _, c := range []struct {
		name string
		runs []api.Run
		want time.Time
	}{
		{"none", nil, time.Time{}},
		{"one of each", []api.Run{run(0.5, "One", "a", bad), run(0.6, "Two", "a", bad), run(0.7, "One", "b", bad)}, time.Time{}},
		{"two in a row, out of order", []api.Run{run(1.5, "One", "a", bad), run(0.5, "One", "a", bad)}, after(1.6)},
		{"a good one between", []api.Run{run(0.5, "One", "a", bad), run(1.5, "One", "a", good), run(2.5, "One", "a", bad), run(3.5, "One", "a", bad)}, after(3.6)},
		{"before the begin", []api.Run{run(-1, "One", "a", bad), run(0.5, "One", "a", bad), run(1.5, "One", "a", bad)}, after(1.6)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Confirmable(truth(), outage, c.runs); !got.Equal(c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestConfirmableOfWarnings(t *testing.T) {
	warned := truth()
	warned.Code, warned.Severity = "range_ignored", api.SeverityWarning
	run := func(at float64, code probes.Code) api.Run {
		return api.Run{Started: after(at), Target: "One", Outcome: probes.Degraded, Findings: []probes.Finding{{Code: code}}}
	}
	runs := []api.Run{run(0.5, "range_ignored"), run(1.5, "hop_count"), run(2.5, "range_ignored"), run(3.5, "range_ignored")}
	if got := Confirmable(warned, outage, runs); !got.Equal(after(3.5)) {
		t.Errorf("got %v, want %v", got, after(3.5))
	}
}

func TestTable(t *testing.T) {
	var b strings.Builder
	err := WriteTable(&b, []Result{
		Score(Scenario{Name: "good"}, truth(), course(map[float64][]api.Incident{2: {told(nil)}, 15: {told(ended)}})),
		Score(Scenario{Name: "bad"}, truth(), course(map[float64][]api.Incident{2: {told(func(i *api.Incident) { i.Scope = "global" })}})),
		{Drill: "none", Error: "the hub is gone"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `DRILL  RESULT   CODE  CAUSE  CULPRIT  SCOPE  SEVERITY  REGIONS  SERVICES  UNAFFECTED  TARGETS  DETECTED              RECOVERED      EXTRA
good   correct  ok    ok     ok       ok     ok        ok       ok        ok          ok       2.0 s, 2.0 intervals  3.0 intervals  0
bad    wrong    ok    ok     ok       WRONG  ok        ok       ok        ok          ok       2.0 s, 2.0 intervals  WRONG          0
none   not run  -     -      -        -      -         -        -         -           -        -                     -              0

1 of 3 correct

bad
  scope: want regional, got global
  recovered: want recovered, got open

none: the hub is gone
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
