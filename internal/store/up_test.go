package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

func openTestRecords(t *testing.T) *Records {
	t.Helper()
	r, err := OpenRecords(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func TestUp(t *testing.T) {
	r := openTestRecords(t)
	begin := time.Date(2026, 5, 31, 0, 0, 0, 0, time.UTC)
	at := func(n int) time.Time { return begin.Add(time.Duration(n) * time.Minute) }
	note := func(run string, minutes ...int) {
		for _, n := range minutes {
			if err := r.NoteUp(run, at(n), time.Hour); err != nil {
				t.Fatal(err)
			}
		}
	}
	check := func(want ...Span) {
		t.Helper()
		got, err := r.Up()
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
	}
	note("a", 0, 1, 2)
	note("b", 4, 5, 6) // started again: nobody was there from 2 to 4
	check(Span{at(0), at(2)}, Span{at(4), at(6)})
	note("c", 5, 6, 7, 8) // a second hub beside it
	check(Span{at(0), at(2)}, Span{at(4), at(8)})
	note("c", 20) // its machine slept
	check(Span{at(0), at(2)}, Span{at(4), at(8)}, Span{at(20), at(20)})
	note("c", 65) // more than an hour after what is forgotten
	check(Span{at(5), at(8)}, Span{at(20), at(20)}, Span{at(65), at(65)})
}

func TestNotesOfIncidents(t *testing.T) {
	r := openTestRecords(t)
	over := time.Date(2026, 5, 31, 10, 0, 0, 0, time.UTC)
	first := api.Note{At: over.Add(-2 * time.Hour), Text: "looking"}
	second := api.Note{At: over.Add(-time.Hour), Text: "renewing", Workaround: "the mirror", Estimate: &over, Public: true}
	for _, n := range []api.Note{second, first, second} {
		if err := r.AddNote("abc", n); err != nil {
			t.Fatal(err)
		}
	}
	got, err := r.Notes("abc")
	if diff := cmp.Diff([]api.Note{first, second}, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	if none, err := r.Notes("abd"); none == nil || len(none) > 0 || err != nil {
		t.Errorf("got %v and %v", none, err)
	}
	if _, err := r.Tokens(); err != nil { // read the same rows
		t.Error(err)
	}
}

// A lane comes whole and in order, with the exchanges of what failed.
func TestLane(t *testing.T) {
	s := openTest(t, Options{})
	put := func(n int, after time.Duration, outcome probes.Outcome) {
		r := run(n, after, outcome)
		write(t, s, Batch{Runs: []Run{r}, Hops: []Hop{{TraceID: r.TraceID, SpanID: hexID(n, 16), Step: "hop", Started: r.Started, Host: "cdn.example"}}})
	}
	put(1, 2*time.Minute, probes.Failed)
	put(2, time.Minute, probes.OK)
	put(3, -2*time.Minute, probes.OK)
	r := run(1, 0, probes.OK)
	var ids []string
	err := s.Lane(t.Context(), r.Region, r.Target, r.Agent, func(f Followed) bool {
		ids = append(ids, f.TraceID)
		if failed := f.Outcome == probes.Failed; failed != (len(f.Hops) == 1) {
			t.Errorf("%s has %d exchanges", f.TraceID, len(f.Hops))
		}
		return true
	})
	if diff := cmp.Diff([]string{hexID(3, 32), hexID(2, 32), hexID(1, 32)}, ids); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	got, ok, err := s.NewestHealthy(t.Context(), r.Target, []string{"nowhere", r.Region}, r.Started.Add(time.Hour))
	if err != nil || !ok || got.TraceID != hexID(2, 32) {
		t.Errorf("got %s, %v and %v", got.TraceID, ok, err)
	}
	if _, ok, err := s.NewestHealthy(t.Context(), r.Target, []string{r.Region}, got.Started.Add(-time.Hour)); ok || err != nil {
		t.Errorf("got %v and %v", ok, err)
	}
}

func TestHeartbeats(t *testing.T) {
	s := openTest(t, Options{})
	seen := time.Now().UTC().Truncate(time.Minute).Add(-10 * time.Minute)
	received := seen.Add(5 * time.Minute)
	write(t, s, Batch{Sightings: []Sighting{
		{Agent: "a", Region: "eu", Seen: seen, Beat: &api.Beat{Interval: time.Minute, Received: &received}},
		{Agent: "b", Region: "eu", Seen: seen},                    // a run's
		{Agent: "c", Region: "eu", Seen: seen, Beat: &api.Beat{}}, // before receipt was noted
	}})
	got, err := s.Heartbeats(t.Context())
	want := []Heartbeat{{"eu", "c", seen, 0}, {"eu", "a", received, time.Minute}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}
