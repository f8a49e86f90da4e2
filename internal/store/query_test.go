package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

func matrixCell(t *testing.T, s *Store, q api.Query) api.Cell {
	t.Helper()
	m, err := s.Matrix(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Cells) != 1 {
		t.Fatalf("got %d cells, want 1: %+v", len(m.Cells), m)
	}
	return m.Cells[0]
}

func TestMatrixOverMidnight(t *testing.T) {
	s := openTest(t, Options{})
	confirming := run(6, 3*time.Minute, probes.Failed)
	confirming.Confirms = hexID(5, 32)
	write(t, s, Batch{Runs: []Run{
		confirming, // the newest comes first, on purpose
		run(1, -4*time.Minute, probes.OK),
		run(2, -3*time.Minute, probes.Degraded),
		run(3, -2*time.Minute, probes.Failed),
		run(4, 0, probes.Unknown),
		run(5, 2*time.Minute, probes.Failed),
	}})
	q := around
	q.To = midnight.Add(5 * time.Minute)
	c := matrixCell(t, s, q)
	since := midnight.Add(-2 * time.Minute)
	want := api.Cell{
		Region: "eu", Target: "show", Counts: api.Counts{OK: 1, Degraded: 1, Failed: 2, Unknown: 1},
		Newest: confirming.Run, Failing: &confirming.Run, FailedSince: &since,
	}
	if d := cmp.Diff(want, c); d != "" {
		t.Error(d)
	}

	q.From = midnight.Add(time.Minute) // it began before the range
	if c := matrixCell(t, s, q); !c.FailedSince.Equal(since) {
		t.Errorf("failed since %v, want %v", c.FailedSince, since)
	}
	q.To = midnight.Add(time.Hour)
	if c := matrixCell(t, s, q); !c.Silent {
		t.Error("an hour after the last run the cell is not silent")
	}
}

func TestMatrixNamesRegionsAndTargets(t *testing.T) {
	s := openTest(t, Options{})
	a, b := run(1, time.Minute, probes.OK), run(2, time.Minute, probes.OK)
	b.Region, b.Target, b.Service, b.URL = "us", "page", "Storefront", "https://www.example/"
	write(t, s, Batch{Runs: []Run{b, a}, Sightings: []Sighting{
		{Agent: "a1", Region: "eu", Version: "1", Lat: 53.3, Lon: -6.3, Seen: a.Started},
		{Agent: "a2", Region: "us", Version: "1", Lat: 40, Lon: -74, Seen: b.Started},
	}})
	m, err := s.Matrix(t.Context(), around)
	if err != nil {
		t.Fatal(err)
	}
	wantRegions := []api.Region{{Name: "eu", Lat: 53.3, Lon: -6.3}, {Name: "us", Lat: 40, Lon: -74}}
	if d := cmp.Diff(wantRegions, m.Regions); d != "" {
		t.Error(d)
	}
	wantTargets := []api.TargetInfo{
		{Name: "show", Kind: "feed", Service: "Podcasts", URL: "https://feeds.example/show.xml"},
		{Name: "page", Kind: "feed", Service: "Storefront", URL: "https://www.example/"},
	}
	if d := cmp.Diff(wantTargets, m.Targets); d != "" {
		t.Error(d)
	}
}

func TestSeriesJoinsBucketsOfTwoDays(t *testing.T) {
	s := openTest(t, Options{})
	write(t, s, Batch{Runs: []Run{
		run(1, -time.Minute, probes.OK), run(2, time.Minute, probes.Failed), run(3, 9*time.Hour, probes.OK),
	}})
	q := around
	q.Step = 7 * time.Hour // doesn't divide a day
	got, err := s.Series(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	want := map[time.Time]api.Counts{}
	for _, r := range []Run{run(1, -time.Minute, probes.OK), run(2, time.Minute, probes.Failed), run(3, 9*time.Hour, probes.OK)} {
		bucket := time.Unix(0, r.Started.UnixNano()/int64(q.Step)*int64(q.Step)).UTC()
		c := want[bucket]
		count(&c, string(r.Outcome), 1)
		want[bucket] = c
	}
	points := map[time.Time]api.Counts{}
	for _, p := range got.Series[0].Points {
		points[p.Time] = p.Counts
	}
	if d := cmp.Diff(want, points); d != "" {
		t.Error(d)
	}
}

func TestRunsNewestFirstWithTotal(t *testing.T) {
	s := openTest(t, Options{})
	other := run(4, 2*time.Minute, probes.OK)
	other.Region = "us"
	r3 := run(3, time.Minute, probes.Failed)
	r3.Findings = []probes.Finding{probes.Note(probes.CertExpiring, "cdn.example", "in two days")}
	write(t, s, Batch{Runs: []Run{run(1, -2*time.Minute, probes.OK), run(2, -time.Minute, probes.OK), r3, other}})
	q := around
	q.Regions, q.Limit = []string{"eu"}, 2
	got, err := s.Runs(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	want := api.Runs{Total: 3, Runs: []api.Run{r3.Run, run(2, -time.Minute, probes.OK).Run}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	q.Codes, q.Culprits, q.Outcomes = []string{"tls_expired"}, []string{"cdn.example"}, []string{"failed", "unknown"}
	if got, err := s.Runs(t.Context(), q); err != nil || got.Total != 1 {
		t.Errorf("got %d runs and %v, want 1", got.Total, err)
	}
}

func TestLabels(t *testing.T) {
	s := openTest(t, Options{})
	write(t, s, Batch{Runs: []Run{run(1, -time.Minute, probes.OK), run(2, time.Minute, probes.Failed)}})
	got, err := s.Labels(t.Context(), around)
	if err != nil {
		t.Fatal(err)
	}
	want := api.Labels{
		Regions: []string{"eu"}, Targets: []string{"show"}, Services: []string{"Podcasts"},
		Kinds: []string{"feed"}, Codes: []string{"tls_expired"}, Culprits: []string{"cdn.example"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestAgentsByNewestOfHeartbeatAndRun(t *testing.T) {
	s := openTest(t, Options{})
	seen := func(after time.Duration, version string, targets int) Sighting {
		g := Sighting{Agent: "a1", Region: "eu", Version: version, Seen: midnight.Add(after)}
		if targets > 0 {
			g.Beat = &api.Beat{Targets: targets, Paused: []string{"show"}}
		}
		return g
	}
	all := []Sighting{
		seen(-time.Minute, "1", 5), seen(10*time.Second, "2", 7), seen(20*time.Second, "2", 0), seen(-2*time.Minute, "1", 4),
	}
	beat, last := midnight.Add(10*time.Second), midnight.Add(20*time.Second)
	want := []api.Agent{{
		Agent: "a1", Region: "eu", Version: "2", LastSeen: last, Silent: true, SilentSince: &last,
		Beat: api.Beat{Heartbeat: &beat, Targets: 7, Paused: []string{"show"}},
	}}
	for range 2 { // a second time in another order changes nothing
		write(t, s, Batch{Sightings: all})
		got, err := s.Agents(t.Context(), around)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got.Agents); d != "" {
			t.Error(d)
		}
		all[0], all[3] = all[3], all[0]
	}
}

// A run that was sent to confirm another is in no ratio, and either leads to
// the other.
func TestConfirmingRuns(t *testing.T) {
	s := openTest(t, Options{})
	first, other := run(1, -5*time.Second, probes.Failed), run(3, time.Minute, probes.OK)
	confirming := run(2, 5*time.Second, probes.Failed)
	confirming.Confirms = first.TraceID
	write(t, s, Batch{Runs: []Run{first, confirming, other}})
	if c := matrixCell(t, s, around); c.Counts != (api.Counts{OK: 1, Failed: 1}) {
		t.Errorf("matrix counts %+v", c.Counts)
	}
	series, err := s.Series(t.Context(), around)
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, p := range series.Series[0].Points {
		total += p.Counts.Total()
	}
	if total != 2 {
		t.Errorf("series counts %d runs", total)
	}
	for id, by := range map[string]string{first.TraceID: confirming.TraceID, confirming.TraceID: "", other.TraceID: ""} {
		tr, err := s.Trace(t.Context(), id)
		if err != nil || tr.ConfirmedBy != by {
			t.Errorf("%s: confirmed by %q and %v, want %q", id, tr.ConfirmedBy, err, by)
		}
	}
}
