package config

import (
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
)

// limits reads what hosts are asked for at most.
func (r *reader) limits(n *yaml.Node) (l wire.Limits) {
	r.only(n, []field{
		{"run_bytes", func(n *yaml.Node) { l.RunBytes = r.bytes(n) }},
		{"host_day_bytes", func(n *yaml.Node) { l.HostDayBytes = r.bytes(n) }},
		{"day_bytes", func(n *yaml.Node) { l.DayBytes = r.bytes(n) }},
		{"host_parallel", func(n *yaml.Node) { l.HostParallel = int(r.whole(n, 1, 10_000)) }},
		{"host_rate", func(n *yaml.Node) { l.HostRate = r.number(n, wire.MinHostRate, 10_000) }},
	})
	return l
}

// What a spool must hold at least: some requests of the largest size, and what
// comes until somebody looks.
const (
	minSpoolBytes = 16 << 20
	minSpoolAge   = time.Minute
)

// spool reads what waits on an agent's disk at most.
func (r *reader) spool(n *yaml.Node, s *Spool) {
	r.only(n, []field{
		{"bytes", func(n *yaml.Node) {
			if s.Bytes = r.bytes(n); s.Bytes > 0 && s.Bytes < minSpoolBytes {
				r.fail(n, "%s is less than 16 MiB", describe(r.follow(n)))
			}
		}},
		{"age", func(n *yaml.Node) { s.Age = r.duration(n, minSpoolAge) }},
	})
}

// contact reads where the operator is reached.
func (r *reader) contact(n *yaml.Node) string {
	s, ok := r.text(n)
	if !ok {
		return ""
	}
	if wire.CheckContact(s) != nil {
		r.want(r.follow(n), "a URL such as https://example.org/contact or mailto:ops@example.org")
	}
	return s
}

// whole reads an integer from low to high.
func (r *reader) whole(n *yaml.Node, low, high int64) (i int64) {
	n = r.follow(n)
	if n.ShortTag() != "!!int" || n.Decode(&i) != nil || i < low || i > high {
		r.fail(n, "want a whole number from %d to %d, got %s", low, high, describe(n))
		return 0
	}
	return i
}

// bytes reads a size: 1048576, 1 MiB.
func (r *reader) bytes(n *yaml.Node) int64 {
	n = r.follow(n)
	if n.ShortTag() == "!!int" {
		var i int64
		if n.Decode(&i) != nil || i < 1 {
			r.want(n, probes.SizeWords)
			return 0
		}
		return i
	}
	s, ok := r.text(n)
	if !ok {
		return 0
	}
	size, err := probes.ParseBytes(s)
	if err != nil {
		r.want(n, probes.SizeWords)
	}
	return int64(size)
}
