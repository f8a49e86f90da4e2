package config

import (
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func mustWindow(t *testing.T, cron string, lasts time.Duration, zone string) *window {
	t.Helper()
	w, err := makeWindow(spec{cron, lasts, zone})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// Windows open by the clock of their zone, on days whose clocks change too.
func TestWindow(t *testing.T) {
	const night = "30 2 * * *"
	tests := []struct {
		what, cron string
		lasts      time.Duration
		zone       string
		at, want   string // "": in none
	}{
		{"before", "0 2 * * *", time.Hour, "UTC", "2026-11-22T01:59:59Z", ""},
		{"its beginning", "0 2 * * *", time.Hour, "UTC", "2026-11-22T02:00:00Z", "2026-11-22T03:00:00Z"},
		{"its last moment", "0 2 * * *", time.Hour, "UTC", "2026-11-22T02:59:59.999Z", "2026-11-22T03:00:00Z"},
		{"its end", "0 2 * * *", time.Hour, "UTC", "2026-11-22T03:00:00Z", ""},
		{"over midnight", "@daily", 2 * time.Hour, "America/New_York", "2026-07-02T05:30:00Z", "2026-07-02T06:00:00Z"},
		{"names and lists", "*/30 1,2 * jan-mar mon,WED", time.Minute, "UTC", "2026-02-04T02:30:10Z", "2026-02-04T02:31:00Z"},
		{"another day", "*/30 1,2 * jan-mar mon,WED", time.Minute, "UTC", "2026-02-05T02:30:10Z", ""},
		{"days long", "0 0 1 * *", 7 * 24 * time.Hour, "UTC", "2026-02-07T23:00:00Z", "2026-02-08T00:00:00Z"},
		{"winter", night, time.Hour, "Europe/Berlin", "2026-03-28T01:40:00Z", "2026-03-28T02:30:00Z"},
		{"summer", night, time.Hour, "Europe/Berlin", "2026-03-30T00:40:00Z", "2026-03-30T01:30:00Z"},
		{"left out by the clocks", night, time.Hour, "Europe/Berlin", "2026-03-29T01:40:00Z", ""},
		{"comes twice, first", night, 20 * time.Minute, "Europe/Berlin", "2026-10-25T00:35:00Z", "2026-10-25T00:50:00Z"},
		{"comes twice, between", night, 20 * time.Minute, "Europe/Berlin", "2026-10-25T00:55:00Z", ""},
		{"comes twice, second", night, 20 * time.Minute, "Europe/Berlin", "2026-10-25T01:35:00Z", "2026-10-25T01:50:00Z"},
		{"a day of 25 hours", "0 0 * * *", 24 * time.Hour, "Europe/Berlin", "2026-10-25T22:30:00Z", ""},
		{"none to come", "0 0 * * *", time.Hour, "UTC", "2150-01-01T00:30:00Z", ""},
	}
	for _, test := range tests {
		w := mustWindow(t, test.cron, test.lasts, test.zone)
		at, err := time.Parse(time.RFC3339, test.at)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if end := w.Until(at); !end.IsZero() {
			got = end.UTC().Format(time.RFC3339)
		}
		if got != test.want {
			t.Errorf("%s: got %q at %s, want %q", test.what, got, test.at, test.want)
		}
	}
}

// What a window remembers changes no answer, in whatever order it is asked.
func TestWindowMemory(t *testing.T) {
	shared := mustWindow(t, "*/7 * * * *", 3*time.Minute, "Europe/Berlin")
	begin := time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC)
	for i := range 500 {
		at := begin.Add(time.Duration(i*7919%10_000) * time.Second)
		fresh, err := compile(shared.spec)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := shared.Until(at), fresh.Until(at); !got.Equal(want) {
			t.Fatalf("at %s: got %s, want %s", at, got, want)
		}
	}
}

// An agent compares targets of an old and a new configuration while their
// windows are in use.
func TestWindowsAreShared(t *testing.T) {
	const text = `
maintenance: [{cron: "@hourly", duration: 5m, labels: {a: b}}, {cron: "0 3 * * *", duration: 5m, targets: ["example.org/*"]}]
targets:
  - {feed: "https://example.org/x", labels: {a: b}, maintenance: [{cron: "0 1 * * *", duration: 1h, timezone: Asia/Tokyo}]}
  - {feed: "https://example.org/y", labels: {a: b}, maintenance: [{cron: "0 1 * * *", duration: 1h, timezone: Asia/Tokyo}]}
  - {feed: "https://example.com/z"}
`
	a, b := parseText(t, text), parseText(t, text)
	if got := len(a.Targets[0].Windows); got != 3 || a.Targets[2].Windows != nil {
		t.Fatalf("got %d windows, and %v", got, a.Targets[2].Windows)
	}
	if &a.Targets[0].Windows[0] != &a.Targets[1].Windows[0] {
		t.Error("equal lists are kept twice")
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 1000 {
			for _, w := range a.Targets[0].Windows {
				w.Until(time.Unix(int64(i)*1000, 0))
			}
		}
	})
	if !reflect.DeepEqual(a.Targets, b.Targets) {
		t.Error("unchanged targets are not equal")
	}
	wg.Wait()
}

// Names with * are bounded, since each is held against every target.
func TestPatternsAreBounded(t *testing.T) {
	names := strings.Repeat("\"example.org/*\", ", maxPatterns+1)
	_, err := parse("x.yaml", []byte("maintenance: [{cron: \"@daily\", duration: 1h, targets: ["+names+"]}]\ntargets: []\n"), testEnv, testKinds)
	if err == nil || !strings.Contains(err.Error(), "more than 20 names with *") {
		t.Errorf("got %v", err)
	}
}

// A window that nobody has any more is forgotten.
func TestWindowsAreForgotten(t *testing.T) {
	s := spec{"59 23 31 dec *", time.Minute, "UTC"}
	w := mustWindow(t, s.cron, s.lasts, s.name)
	runtime.KeepAlive(w)
	w = nil
	for range 100 {
		runtime.GC()
		live.Lock()
		_, there := live.windows[s]
		live.Unlock()
		if !there {
			return
		}
		runtime.Gosched()
	}
	t.Error("is still there")
}

func TestConfirm(t *testing.T) {
	c := parseText(t, `
targets:
  - {feed: "https://example.org/a"}
  - {feed: "https://example.org/b", interval: 20s}
  - {feed: "https://example.org/c", interval: 21s}
  - {feed: "https://example.org/d", confirm: 0}
  - {feed: "https://example.org/e", confirm: 0s}
  - {feed: "https://example.org/f", interval: 20s, confirm: 19s}
`)
	var got []string
	for _, target := range c.Targets {
		got = append(got, target.Confirm.String())
	}
	if got := strings.Join(got, " "); got != "10s 0s 10s 0s 0s 19s" {
		t.Errorf("got %s", got)
	}
	if c := parseText(t, "defaults: {confirm: 0}\ntargets: [{feed: \"https://example.org/a\"}]\n"); c.Targets[0].Confirm != 0 {
		t.Errorf("got %s, want none", c.Targets[0].Confirm)
	}
}

func BenchmarkWindow(b *testing.B) {
	w, err := makeWindow(spec{"30 2 * * mon-fri", time.Hour, "Europe/Berlin"})
	if err != nil {
		b.Fatal(err)
	}
	at := time.Date(2026, 10, 24, 0, 0, 0, 0, time.UTC)
	b.Run("remembered", func(b *testing.B) {
		for b.Loop() {
			w.Until(at)
		}
	})
	b.Run("found", func(b *testing.B) {
		for b.Loop() {
			w.find(at)
		}
	})
}
