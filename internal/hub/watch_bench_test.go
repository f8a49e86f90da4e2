package hub

import (
	"fmt"
	"testing"
	"time"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/incident"
	"github.com/sonde-media/sonde/internal/store"
	"github.com/sonde-media/sonde/probes"
)

// BenchmarkRead measures what a hub needs at its start: runs of three
// exchanges read from the store into the fold.
func BenchmarkRead(b *testing.B) {
	st, err := store.Open(b.TempDir(), store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	const targets, rounds = 500, 100
	begin := time.Now().Add(-rounds * time.Minute)
	for n := range rounds {
		batch := &store.Batch{}
		for t := range targets {
			r := store.Run{Run: api.Run{
				TraceID: fmt.Sprintf("%032x", n*targets+t+1), Region: "eu", Agent: "agent-eu", Target: fmt.Sprint("target", t), Kind: "feed",
				Service: "Podcasts", Started: begin.Add(time.Duration(n) * time.Minute), Received: begin.Add(time.Duration(n) * time.Minute),
				Interval: time.Minute, Duration: time.Second, Outcome: probes.OK,
			}}
			batch.Runs = append(batch.Runs, r)
			for h := range 3 {
				batch.Hops = append(batch.Hops, store.Hop{
					TraceID: r.TraceID, SpanID: fmt.Sprintf("%016x", h+1), Step: "hop", Started: r.Started, Region: "eu", Agent: "agent-eu",
					Target: r.Target, Kind: "feed", Index: h, Host: fmt.Sprintf("host%d.site%d.example", h, t/10), Address: "198.51.100.7", Status: 200,
					Cert: oldCert, CertNotAfter: "2031-01-01T00:00:00Z", CDN: "fastly",
				})
			}
		}
		if err := st.Write(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	h := New(st, Options{})
	for b.Loop() {
		f := &follower{hub: h, fold: incident.New()}
		if err := f.runs(b.Context()); err != nil {
			b.Fatal(err)
		}
		if s := f.fold.Stats(); s.Runs != targets*rounds {
			b.Fatalf("got %+v", s)
		}
	}
	b.ReportMetric(float64(targets*rounds*b.N)/b.Elapsed().Seconds(), "runs/s")
}
