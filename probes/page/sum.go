package page

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/sonde-media/sonde/probes"
)

// sum notes on the root what the page costs and when it could first be seen,
// all of it from the finished tree.
func (c *crawl) sum() {
	c.root.Set(probes.AttrPageAssets, len(c.assets))
	failed := 0
	for _, a := range c.assets {
		if a.err != nil && !a.ours() {
			failed++
		}
	}
	c.root.Set(probes.AttrPageFailed, failed)
	requests, bytes := traffic(c.root)
	total := int64(0)
	for _, n := range bytes {
		total += n
	}
	c.root.Set(probes.AttrPageRequests, requests)
	c.root.Set(probes.AttrPageBytes, total)
	if host, n := greatest(bytes); n > 0 {
		c.root.Set(probes.AttrPageHeaviest, host)
		c.root.Set(probes.AttrPageHeaviestSize, n)
	}
	c.notePaint()
}

// parts are the steps of the page itself: its document and assets.
func parts(root *probes.Step) iter.Seq[*probes.Step] {
	return func(yield func(*probes.Step) bool) {
		for _, s := range root.Steps {
			if (s.Name == "document" || s.Name == "asset") && !yield(s) {
				return
			}
		}
	}
}

// traffic counts the requests that were sent, and bytes as transferred by host.
func traffic(root *probes.Step) (requests int, bytes map[string]int64) {
	bytes = map[string]int64{}
	for part := range parts(root) {
		for _, hop := range part.Steps {
			for _, s := range hop.Steps {
				switch s.Name {
				case "request":
					requests++
				case "body":
					bytes[hop.Text(probes.AttrServerAddress)] += int64(s.Int(probes.AttrBodySize))
				}
			}
		}
	}
	return requests, bytes
}

// notePaint estimates when a browser could first show something: as soon as the
// document and all that blocks rendering had come. Where one of these failed
// there is nothing to estimate.
func (c *crawl) notePaint() {
	busy, last := map[string][]span{}, time.Duration(0)
	for part := range parts(c.root) {
		if part.Name == "asset" && part.Attrs[probes.AttrAssetBlocking] != true {
			continue
		}
		if part.Name == "asset" && part.Fail != nil {
			return
		}
		begin := part.Start.Sub(c.root.Start)
		last = max(last, begin+part.Took)
		for _, hop := range part.Steps {
			if hop.Name == "hop" {
				from := hop.Start.Sub(c.root.Start)
				host := hop.Text(probes.AttrServerAddress)
				busy[host] = append(busy[host], span{from, from + hop.Took})
			}
		}
	}
	c.root.Set(probes.AttrPageFirstPaint, milliseconds(last))
	waited := map[string]time.Duration{}
	for host, spans := range busy {
		waited[host] = covered(spans)
	}
	host, most := greatest(waited)
	c.root.Set(probes.AttrPageSlowest, host)
	c.root.Set(probes.AttrPageSlowestTime, milliseconds(most))
}

// A span is a piece of a run's time, from its begin on.
type span struct{ from, to time.Duration }

// covered is how long the spans last together, where several lie over each
// other once.
func covered(spans []span) (sum time.Duration) {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	end := time.Duration(0)
	for _, s := range spans {
		sum += max(0, s.to-max(s.from, end))
		end = max(end, s.to)
	}
	return sum
}

// greatest returns the host with the most; of equals the first by name.
func greatest[N int64 | time.Duration](by map[string]N) (host string, most N) {
	for _, h := range slices.Sorted(maps.Keys(by)) {
		if n := by[h]; n > most {
			host, most = h, n
		}
	}
	return host, most
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
