package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sonde-media/sonde/probes"
)

// A follower meets every run once, also one that comes late for a day before,
// with the exchanges it consisted of.
func TestFollow(t *testing.T) {
	s := openTest(t, Options{})
	follow := func(c Cursor, limit int) (ids []string, next Cursor) {
		t.Helper()
		for {
			page, after, err := s.Follow(t.Context(), c, limit)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) > limit {
				t.Fatalf("got %d runs, want at most %d", len(page), limit)
			}
			for _, f := range page {
				ids = append(ids, f.TraceID)
				if len(f.Hops) != 1 || f.Hops[0].Host != "cdn.example" {
					t.Errorf("%s has hops %+v", f.TraceID, f.Hops)
				}
			}
			if c = after; len(page) == 0 {
				return ids, c
			}
		}
	}
	put := func(n int, after time.Duration) {
		r := run(n, after, probes.OK)
		write(t, s, Batch{Runs: []Run{r}, Hops: []Hop{{TraceID: r.TraceID, SpanID: hexID(n, 16), Step: "hop", Started: r.Started, Host: "cdn.example"}}})
	}
	put(1, time.Minute)
	put(2, -time.Minute)
	put(3, 2*time.Minute)
	ids, c := follow(nil, 2)
	if diff := cmp.Diff([]string{hexID(2, 32), hexID(1, 32), hexID(3, 32)}, ids); diff != "" {
		t.Error(diff)
	}
	put(4, -2*time.Minute)
	put(3, 2*time.Minute) // sent again
	if ids, _ := follow(c, 2); !cmp.Equal(ids, []string{hexID(4, 32)}) {
		t.Errorf("then got %v", ids)
	}
}
