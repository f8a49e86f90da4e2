package config

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// fleet is a configuration of n targets, most of which say little.
func fleet(n int) []byte {
	var b strings.Builder
	b.WriteString("defaults: {interval: 600s, timeout: 5s}\ntargets:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - enclosure: https://cdn%d.example.com/show%d/episodes/episode-%d.mp3\n    service: Podcasts\n", i%100, i, i)
		switch i % 10 {
		case 1:
			b.WriteString("    labels: {team: audio, tier: gold}\n")
		case 2:
			b.WriteString("    head: false\n    bytes: 128 KiB\n")
		}
	}
	return []byte(b.String())
}

func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			data := fleet(n)
			b.ReportAllocs()
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				c, err := Parse("sonde.yaml", data, testEnv)
				if err != nil || len(c.Targets) != n {
					b.Fatal(err)
				}
				runtime.KeepAlive(c)
			}
		})
	}
}
