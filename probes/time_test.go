package probes_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sonde-media/sonde/probes"
)

func TestAge(t *testing.T) {
	for text, want := range map[string]time.Duration{"": 0, "36h": 36 * time.Hour, "14d": 14 * 24 * time.Hour, "0.5d": 12 * time.Hour, "90m": 90 * time.Minute} {
		if got, err := probes.ParseAge(text); got != want || err != nil {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"d", "14", "-1d", "0h", "NaNd", "Infd", "1e300d", "two weeks"} {
		if got, err := probes.ParseAge(text); err == nil {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

func TestDates(t *testing.T) {
	for text, want := range map[string]string{
		"Mon, 02 Jan 2006 15:04:05 GMT":  "2006-01-02T15:04:05Z",
		"Mon, 2 Jan 2006 15:04:05 -0700": "2006-01-02T22:04:05Z",
		"Tue, 02 Jan 2006 15:04:05 EST":  "2006-01-02T20:04:05Z",
		"Montag, 2 Jan 2006 15:04 +0000": "2006-01-02T15:04:00Z",
		"02 Jan 06 15:04 Z":              "2006-01-02T15:04:00Z",
		"2006-01-02T15:04:05Z":           "2006-01-02T15:04:05Z",
		" 2006-01-02T15:04:05.5+01:00\n": "2006-01-02T14:04:05Z",
		"2006-01-02":                     "2006-01-02T00:00:00Z",
		"January 2, 2006":                "2006-01-02T00:00:00Z",
		"0001-01-02T00:00:00Z":           "0001-01-02T00:00:00Z",
		"9999-12-31T23:59:59Z":           "9999-12-31T23:59:59Z",
	} {
		if got := probes.ParseDate(text).UTC().Format("2006-01-02T15:04:05Z"); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
	for _, text := range []string{"", "soon", "Mon, 99 Foo 2006", strings.Repeat("1 ", 1000), "-1"} {
		if got := probes.ParseDate(text); !got.IsZero() {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

func FuzzDate(f *testing.F) {
	f.Add("Mon, 02 Jan 2006 15:04:05 GMT")
	f.Fuzz(func(t *testing.T, text string) { probes.ParseDate(text) })
}
