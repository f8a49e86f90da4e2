package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

func daysOf(t *testing.T, l *Ledger) []api.ServiceDay {
	t.Helper()
	all, counted, err := l.Days(t.Context(), midnight.Add(-48*time.Hour), midnight)
	if err != nil {
		t.Fatal(err)
	}
	if want := midnight.Add(-48 * time.Hour); !counted.Equal(want) {
		t.Errorf("counted from %v, want %v", counted, want)
	}
	return all
}

func TestLedgerCountsDaysByService(t *testing.T) {
	s := openTest(t, Options{})
	confirming := run(6, -2*time.Minute, probes.Failed)
	confirming.Confirms = hexID(5, 32)
	shop := run(7, -time.Minute, probes.OK)
	shop.Target, shop.Kind, shop.Service = "shop", "page", "Storefront"
	write(t, s, Batch{Runs: []Run{
		run(1, -4*time.Minute, probes.OK), run(2, -3*time.Minute, probes.Degraded), run(3, -3*time.Minute, probes.Unknown),
		confirming, shop, run(4, time.Minute, probes.Failed), run(5, 2*time.Minute, probes.OK),
	}})
	l := NewLedger(s)
	before, after := midnight.Add(-time.Hour).Format(time.DateOnly), midnight.Format(time.DateOnly)
	want := []api.ServiceDay{
		{Service: "Podcasts", Date: before, Counts: api.Counts{OK: 1, Degraded: 1, Unknown: 1}},
		{Service: "Podcasts", Date: after, Counts: api.Counts{OK: 1, Failed: 1}},
		{Service: "Storefront", Date: before, Counts: api.Counts{OK: 1}},
	}
	if d := cmp.Diff(want, daysOf(t, l)); d != "" {
		t.Error(d)
	}
	if got := l.Targets()["shop"]; got.Kind != "page" || got.Service != "Storefront" {
		t.Errorf("got %+v of the shop", got)
	}
}

// A spool that is delivered late brings runs of days that were counted.
func TestLedgerCountsADayAgainWhenRunsComeLate(t *testing.T) {
	s := openTest(t, Options{})
	write(t, s, Batch{Runs: []Run{run(1, -time.Hour, probes.OK)}})
	l := NewLedger(s)
	daysOf(t, l)
	write(t, s, Batch{Runs: []Run{run(2, -2*time.Hour, probes.Failed)}})
	if got := daysOf(t, l)[0].Counts; got.Failed != 0 {
		t.Errorf("got %+v, which was counted twice within %v", got, recount)
	}
	for _, d := range l.days {
		d.at = d.at.Add(-2 * recount)
	}
	if got := daysOf(t, l)[0].Counts; got.Failed != 1 || got.OK != 1 {
		t.Errorf("got %+v, want the late run too", got)
	}
}
