package datasource

import (
	"strings"
	"testing"
	"time"

	"github.com/sonde-media/sonde/internal/api"
)

func TestStep(t *testing.T) {
	for name, c := range map[string]struct {
		span, interval, pace time.Duration
		points               int64
		want                 time.Duration
	}{
		"an hour on a screen":     {time.Hour, 2 * time.Second, time.Minute, 1800, time.Minute},
		"targets every 7 minutes": {time.Hour, 2 * time.Second, 7 * time.Minute, 1800, 10 * time.Minute},
		"nobody knows how often":  {time.Hour, time.Second, 0, 1800, time.Minute},
		"a drill":                 {5 * time.Minute, time.Second, 2 * time.Second, 300, 2 * time.Second},
		"a week in a stamp":       {7 * 24 * time.Hour, 0, time.Minute, 50, 6 * time.Hour},
		"an alert rule":           {10 * time.Minute, time.Second, time.Minute, 43200, time.Minute},
		"no room known":           {7 * 24 * time.Hour, 0, time.Second, 0, 10 * time.Minute},
		"all there is":            {api.MaxRange, 0, time.Minute, 100, 4 * 24 * time.Hour},
		"an interval asked for":   {time.Hour, time.Hour / 2, time.Minute, 1000, 30 * time.Minute},
	} {
		q := question{Query: api.Query{From: noon.Add(-c.span), To: noon}, interval: c.interval, points: c.points}
		if got := step(q, map[string]*series{"eu": {pace: c.pace}, "us": {}}); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

// States go on until the next run is three intervals overdue; then the region
// is silent, and never shown as good.
func TestStates(t *testing.T) {
	q := api.Query{From: noon.Add(-10 * time.Minute), To: noon.Add(-30 * time.Second), Step: time.Minute}
	words := map[byte]api.Counts{
		'o': {OK: 2, Unknown: 1}, 'd': {OK: 1, Degraded: 1}, 'f': {OK: 5, Degraded: 1, Failed: 1}, 'u': {Unknown: 1},
	}
	for name, c := range map[string]struct {
		runs         string
		pace, newest time.Duration
		want         string
	}{
		"each minute":             {"oodfffuooo", time.Minute, 0, "oodfffuooo"},
		"not there yet":           {"   ooooooo", time.Minute, 0, "   ooooooo"},
		"one is late":             {"oo ooff of", time.Minute, 0, "ooooofffof"},
		"silent for a while":      {"of      oo", time.Minute, 0, "offfssssoo"},
		"silent at the end":       {"ooooo     ", time.Minute, 0, "ooooooosss"},
		"the last is cut":         {"ooooooo   ", time.Minute, 0, "oooooooooo"},
		"every three minutes":     {"o  f  o   ", 3 * time.Minute, 0, "ooofffoooo"},
		"gone before the range":   {"          ", time.Minute, time.Hour, "ssssssssss"},
		"just gone":               {"          ", time.Minute, 2 * time.Minute, " sssssssss"},
		"due after the range":     {"          ", time.Hour, 20 * time.Minute, "          "},
		"nobody knows when due":   {"o   f     ", 0, 0, "o   f     "},
		"far more often than now": {"o  o      ", time.Second, 0, "ossossssss"},
	} {
		s := &series{pace: c.pace, all: points{}}
		if c.newest > 0 {
			s.newest = q.From.Add(time.Minute - c.newest)
		}
		times := buckets(q.From, q.To, q.Step)
		for i, at := range times {
			if counts, ok := words[c.runs[i]]; ok {
				s.all[at.UnixNano()] = counts
			}
		}
		s.these = s.all
		var got strings.Builder
		for _, state := range s.states(times, q) {
			if state == nil {
				got.WriteByte(' ')
			} else {
				got.WriteByte((*state)[0])
			}
		}
		if got.String() != c.want {
			t.Errorf("%s: got %q, want %q", name, got.String(), c.want)
		}
	}
}
