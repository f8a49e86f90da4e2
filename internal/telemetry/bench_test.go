package telemetry

import (
	"encoding/json"
	"math"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sonde-media/sonde/probes"
)

// listen is a run as it was recorded: a feed, and its newest episode by way of
// a prefix and an advertiser to a CDN, with all that such a run notes.
func listen(t testing.TB) *probes.Run {
	t.Helper()
	text, err := os.ReadFile("testdata/listen.json")
	if err != nil {
		t.Fatal(err)
	}
	root := new(probes.Step)
	if err := json.Unmarshal(text, root); err != nil {
		t.Fatal(err)
	}
	for s := range root.All() {
		for key, v := range s.Attrs {
			s.Attrs[key] = noted(v)
		}
	}
	return run(root, probes.Target{
		Name: "feeds.example/show.xml", Kind: "feed", Service: "Podcasts", Interval: time.Minute, Labels: map[string]string{"team": "audio"},
	})
}

func run(root *probes.Step, t probes.Target) *probes.Run {
	r := &probes.Run{ID: probes.TraceID{1, 15: 2}, Target: t, Scheduled: root.Start, Root: root}
	r.Verdict = probes.Judge(root)
	return r
}

// noted is v, which JSON knows, as a step has it.
func noted(v any) any {
	switch v := v.(type) {
	case float64:
		if v == math.Trunc(v) {
			return int64(v)
		}
	case []any:
		list := make([]string, len(v))
		for i := range v {
			list[i] = v[i].(string)
		}
		return list
	}
	return v
}

// chain is the part of a listen that a run of three hops by address is: 16 steps.
func chain(t testing.TB) *probes.Run {
	root := listen(t).Root
	var hops []*probes.Step
	for _, hop := range root.Steps[1].Steps[:3] {
		hop.Steps = hop.Steps[1:]
		hops = append(hops, hop)
	}
	root.Steps = hops
	return run(root, probes.Target{Name: "cdn.example/ep100.mp3", Kind: "enclosure", Service: "Podcasts", Interval: time.Minute})
}

// runs are what benchmarks encode and record.
func runs(b *testing.B, f func(b *testing.B, run *probes.Run)) {
	for name, run := range map[string]*probes.Run{"chain": chain(b), "listen": listen(b)} {
		b.Run(name, func(b *testing.B) {
			spans := 0
			for range run.Root.All() {
				spans++
			}
			b.ReportAllocs()
			f(b, run)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(spans), "ns/span")
			b.ReportMetric(float64(spans), "spans")
		})
	}
}

// A run of 16 spans may take 25 µs, metrics and compression not counted.
func BenchmarkEncode(b *testing.B) {
	runs(b, func(b *testing.B, run *probes.Run) {
		e := newEncoder(Resource{Region: "eu-west"})
		var body []byte
		for b.Loop() {
			body = e.encode(body[:0], run)
		}
		b.ReportMetric(float64(len(body)), "bytes")
	})
}

// What a batch of such runs takes to compress, by the run.
func BenchmarkDeflate(b *testing.B) {
	runs(b, func(b *testing.B, run *probes.Run) {
		e := newEncoder(Resource{Region: "eu-west"})
		const batch = 100
		var body []byte
		for i := range byte(batch) {
			run.ID[3] = i
			body = e.encode(body, run)
		}
		n := 0
		for b.Loop() {
			if n++; n%batch != 0 {
				continue
			}
			if _, err := deflate(body); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkRecord(b *testing.B) {
	runs(b, func(b *testing.B, run *probes.Run) {
		e, err := Open(Options{Registry: prometheus.NewRegistry(), Resource: Resource{Region: "eu-west"}})
		if err != nil {
			b.Fatal(err)
		}
		defer e.Close()
		for b.Loop() {
			e.metrics.record(run)
		}
	})
}
