package feed_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
	"github.com/sonde-media/sonde/probes/feed"
)

// Whether a feed is stale is judged by the network's time: an agent whose
// clock is off corrects that.
func TestStaleByTheTimeGiven(t *testing.T) {
	newest, err := http.ParseTime(newer)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, rss(item("new", newer, "/new.mp3")))
	}))
	t.Cleanup(s.Close)
	for after, want := range map[time.Duration]probes.Outcome{time.Hour: probes.OK, 3 * time.Hour: probes.Degraded} {
		n, err := wire.New(wire.Options{AllowPrivate: true, Now: func() time.Time { return newest.Add(after) }})
		if err != nil {
			t.Fatal(err)
		}
		target := probes.Target{Kind: "feed", URL: s.URL, Options: probes.Options{"episodes": 0, "stale_after": "2h"}}
		f, err := feed.New(n, target)
		if err != nil {
			t.Fatal(err)
		}
		if got := probes.Do(t.Context(), f, target); got.Outcome != want {
			t.Errorf("%v after the newest item: %s, want %s (%v)", after, got.Outcome, want, got.Findings)
		}
	}
}
