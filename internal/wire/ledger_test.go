package wire

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 22, 12, 30, 0, 0, time.UTC)

func TestDayBudgets(t *testing.T) {
	l := newLedger(Limits{HostDayBytes: 100, DayBytes: 150})
	for _, step := range []struct {
		after time.Duration
		host  string
		bytes int64
		want  string // in what a request is refused for afterwards
	}{
		{0, "a.test", 60, ""},
		{time.Hour, "a.test", 40, "host_day_bytes of a.test: 100 of 100 bytes were read in 24 hours; there are more from 2026-11-23 13:00:00 UTC on"},
		{time.Hour, "b.test", 10, ""},
		{2 * time.Hour, "b.test", 50, "day_bytes: 160 of 150 bytes"},
		{24*time.Hour + 29*time.Minute, "b.test", 0, "day_bytes"},
		{24*time.Hour + 30*time.Minute, "b.test", 0, ""},
		{24*time.Hour + 30*time.Minute, "a.test", 0, ""},
		{900 * time.Hour, "a.test", 100, "host_day_bytes"},
	} {
		now := noon.Add(step.after)
		l.spend(step.host, step.bytes, now)
		_, err := l.ask(step.host, "", now, time.Second)
		if got := fmt.Sprint(err); (err == nil) != (step.want == "") || !strings.Contains(got, step.want) {
			t.Errorf("%s after %s: got %v, want %q", step.host, step.after, err, step.want)
		}
	}
}

func TestHostRate(t *testing.T) {
	l := newLedger(Limits{HostRate: 2})
	var waits []string
	for range 5 {
		wait, err := l.ask("a.test", "", noon, time.Second)
		waits = append(waits, fmt.Sprint(wait, err != nil))
	}
	if got, want := strings.Join(waits, " "), "0s false 0s false 500ms false 1s false 0s true"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if wait, err := l.ask("b.test", "", noon, 0); wait != 0 || err != nil {
		t.Errorf("another host: got %v, %v", wait, err)
	}
	if wait, err := l.ask("a.test", "", noon.Add(time.Minute), 0); wait != 0 || err != nil {
		t.Errorf("a minute later: got %v, %v", wait, err)
	}
}

func TestHold(t *testing.T) {
	l := newLedger(Limits{})
	l.hold("one", time.Hour, noon)
	l.hold("one", time.Second, noon)
	_, err := l.ask("a.test", "one", noon.Add(59*time.Minute), time.Second)
	if err == nil || err.Error() != "a.test asked on 2026-11-22 12:30:00 UTC to wait until 2026-11-22 13:30:00 UTC (Retry-After)" {
		t.Errorf("got %v", err)
	}
	if _, err := l.ask("a.test", "one", noon.Add(time.Hour), time.Second); err != nil {
		t.Errorf("after an hour: %v", err)
	}
	if _, err := l.ask("a.test", "another", noon, time.Second); err != nil {
		t.Errorf("another URL: %v", err)
	}
	for i := range 3 * maxHosts {
		l.hold(fmt.Sprint(i), time.Hour, noon.Add(time.Duration(i)*time.Second))
	}
	if n := len(l.held); n > maxHosts {
		t.Errorf("%d holds are remembered", n)
	}
}

// Redirects lead to as many names as a stranger likes.
func TestHostsAreBounded(t *testing.T) {
	l := newLedger(Limits{HostDayBytes: 1})
	busy := l.use("busy.test", 1)
	for i := range 3 * maxHosts {
		l.spend(fmt.Sprintf("h%d.test", i), 1, noon.Add(time.Duration(i)))
	}
	if len(l.hosts) > maxHosts || l.hosts["busy.test"] != busy {
		t.Errorf("%d hosts are remembered; the one in use: %v", len(l.hosts), l.hosts["busy.test"] == busy)
	}
	if _, err := l.ask(fmt.Sprintf("h%d.test", 3*maxHosts-1), "", noon, 0); err == nil {
		t.Error("the newest was forgotten")
	}
}

func BenchmarkLedger(b *testing.B) {
	l := newLedger(Limits{HostDayBytes: 1 << 60})
	for b.Loop() {
		l.ask("a.test", "", noon, 0)
		l.spend("a.test", 1, noon)
	}
}

// A changed configuration is no new day.
func TestRenewedNetGoesOnCounting(t *testing.T) {
	n, err := New(Options{Limits: Limits{HostDayBytes: 100}})
	if err != nil {
		t.Fatal(err)
	}
	n.ledger.spend("a.test", 100, noon)
	n.ledger.hold("one", time.Hour, noon)
	for name, limits := range map[string]Limits{"the same limits": {HostDayBytes: 100}, "others": {HostDayBytes: 90, DayBytes: 1000}} {
		next, err := n.Renewed(Options{Limits: limits, UserAgent: "x"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := next.ledger.ask("a.test", "", noon, 0); err == nil {
			t.Errorf("%s: what was read is forgotten", name)
		}
		if _, err := next.ledger.ask("b.test", "one", noon, 0); err == nil {
			t.Errorf("%s: a Retry-After is forgotten", name)
		}
		if _, err := next.ledger.ask("b.test", "", noon, 0); err != nil {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := n.Renewed(Options{Limits: Limits{HostRate: -1}}); err == nil {
		t.Error("bad limits are taken")
	}
}
