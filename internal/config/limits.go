package config

import (
	"math"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sonde-media/sonde/internal/wire"
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

// units of bytes, the longest first: each ends in the last.
var units = []struct {
	name  string
	bytes int64
}{
	{"KiB", 1 << 10},
	{"MiB", 1 << 20},
	{"GiB", 1 << 30},
	{"TiB", 1 << 40},
	{"kB", 1e3},
	{"MB", 1e6},
	{"GB", 1e9},
	{"TB", 1e12},
	{"B", 1},
}

// bytes reads a size: 1048576, 1 MiB.
func (r *reader) bytes(n *yaml.Node) int64 {
	const want = "a size such as 1048576, 64 MiB or 2 GB"
	n = r.follow(n)
	if n.ShortTag() == "!!int" {
		var i int64
		if n.Decode(&i) != nil || i < 1 {
			r.want(n, want)
			return 0
		}
		return i
	}
	s, ok := r.text(n)
	if !ok {
		return 0
	}
	for _, u := range units {
		number, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		f, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if size := f * float64(u.bytes); err == nil && size >= 1 && size < math.MaxInt64 {
			return int64(size)
		}
		break
	}
	r.want(n, want)
	return 0
}
