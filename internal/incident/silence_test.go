package incident_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/incident"
	"github.com/sonde-media/sonde/probes"
)

// silentFor are runs of three agents of which one sends nothing for a while.
func silentFor(from, to, length int) []*incident.Run {
	w := world{targets: shows(2, "Podcasts", media), agents: everywhere, length: length, fault: func(run) *wrong { return nil }}
	return slices.DeleteFunc(w.runs(), func(r *incident.Run) bool {
		n := int(r.Started.Sub(begin) / interval)
		return r.Region == "us" && n >= from && n < to
	})
}

func TestSilentAgent(t *testing.T) {
	end := begin.Add(60 * interval)
	i := one(t, fold(silentFor(20, 60, 60), end))
	want := []any{probes.LocalNetwork, "a-us", api.ScopeAgent, api.SeverityWarning, []string{"us"}, ""}
	if diff := cmp.Diff(want, []any{i.Code, i.Cause, i.Scope, i.Severity, i.Regions, i.End}); diff != "" {
		t.Error(diff)
	}
	if late := i.Detected.Sub(i.FirstFailure); late != 3*interval {
		t.Errorf("told after %v, want %v", late, 3*interval)
	}
	if len(i.Targets) != 2 || len(i.Traces) != 1 {
		t.Errorf("got targets %v, traces %v", i.Targets, i.Traces)
	}
}

// Who checks something by hand promises no further run.
func TestACheckByHandIsNoSilentAgent(t *testing.T) {
	runs := silentFor(0, 60, 60)
	by := *runs[0]
	by.TraceID, by.Region, by.Agent, by.Interval = "by hand", "desk", "check@desk", 0
	for _, i := range fold(append(runs, &by), begin.Add(60*interval)) {
		t.Errorf("raised %s", i.Title)
	}
}

func TestSilentAgentIsBack(t *testing.T) {
	i := one(t, fold(silentFor(20, 30, 60), begin.Add(60*interval)))
	if i.End != api.EndRecovered || i.PerRegion[0].Recovered == nil || i.Resolved.Sub(i.FirstFailure) < 10*interval {
		t.Errorf("got %q, resolved %v", i.End, i.Resolved)
	}
}

// Two intervals without a sign are a restart.
func TestRestartedAgent(t *testing.T) {
	for _, i := range fold(silentFor(20, 22, 60), begin.Add(60*interval)) {
		t.Errorf("raised %s", i.Title)
	}
}

func TestAgentGoneForGood(t *testing.T) {
	f := incident.New()
	for _, r := range silentFor(20, 60, 60) {
		f.Add(r)
	}
	now := begin.Add(26 * time.Hour)
	for at := begin; at.Before(now); at = at.Add(interval) {
		f.Beat("eu", "a-eu", at, interval)
		f.Beat("ap", "a-ap", at, interval)
	}
	i := one(t, f.Incidents(now, nil))
	if i.End != api.EndUnverified || i.Resolved.Sub(i.Detected) != 24*time.Hour {
		t.Errorf("got %q, resolved %v", i.End, i.Resolved)
	}
}

// An agent that went is told of for as long as runs are kept.
func TestAgentForgotten(t *testing.T) {
	f := incident.New()
	f.Beat("us", "a-us", begin, interval)
	for _, days := range []int{1, 5, 7} {
		now := begin.Add(time.Duration(days)*24*time.Hour + time.Hour)
		f.Beat("eu", "a-eu", now, interval)
		f.Forget(now, 5*24*time.Hour)
		told := slices.ContainsFunc(f.Incidents(now, nil), func(i api.Incident) bool { return i.Cause == "a-us" })
		if told != (days < 7) {
			t.Errorf("after %d days: told %v", days, told)
		}
	}
}

// Silence while the hub was away proves nothing, and after it only when three
// intervals have gone by again.
func TestSilenceWhileTheHubWasDown(t *testing.T) {
	f := incident.New()
	for _, r := range silentFor(20, 60, 60) {
		if r.Region == "us" {
			f.Add(r)
		}
	}
	at := func(n int) time.Time { return begin.Add(time.Duration(n) * interval) }
	up := []incident.Span{{From: begin, To: at(20)}, {From: at(40), To: at(60)}}
	if all := f.Incidents(at(42), up); len(all) > 0 {
		t.Errorf("raised %s", all[0].Title)
	}
	if i := one(t, f.Incidents(at(44), up)); i.Detected.Before(at(42)) {
		t.Errorf("told at %v", i.Detected)
	}
}

// What waited in a spool doesn't undo that nothing was heard.
func TestSilenceStaysKnown(t *testing.T) {
	w := world{targets: shows(2, "Podcasts", media), agents: everywhere[:1], length: 60, fault: func(run) *wrong { return nil }}
	runs := w.runs()
	for _, r := range runs {
		if n := int(r.Started.Sub(begin) / interval); n >= 20 && n < 30 {
			r.Received = begin.Add(30 * interval)
		}
	}
	if i := one(t, fold(runs, w.end())); i.End != api.EndRecovered || !i.Resolved.Equal(begin.Add(30*interval)) {
		t.Errorf("got %q, resolved %v", i.End, i.Resolved)
	}
	// In whatever order the signs are taken in.
	if diff := cmp.Diff(fold(runs, w.end()), fold(shuffled(runs, 12, 3), w.end())); diff != "" {
		t.Error(diff)
	}
}
