package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sonde-media/sonde/probes"
)

// collapseFrom is how many assets that fare alike become one line.
const collapseFrom = 4

// healthy is the likeness of assets that there is nothing to say about.
const healthy = "ok"

// below returns the branches under b. Of a page's assets the healthy ones
// become one line, and of those that fail alike the first is shown whole and
// the others become one line, except that what blocks rendering always has a
// line of its own. With --verbose all are shown.
func (d *treeDrawing) below(b branch) (shown []branch) {
	if b.brief {
		return nil
	}
	var order []string
	rest, whole := map[string][]*probes.Step{}, d.whole(b.step.Steps)
	for _, s := range b.step.Steps {
		fare := ""
		if isPart(s) && !d.verbose {
			fare = likeness(s)
		}
		if fare != healthy && (whole[fare] == s || isBlocking(s)) || fare == "" {
			shown = append(shown, branch{step: s, label: label(s), brief: fare != "" && whole[fare] != s})
			continue
		}
		alike := s.Name + " " + fare
		if rest[alike] == nil {
			order = append(order, alike)
		}
		rest[alike] = append(rest[alike], s)
	}
	for _, alike := range order {
		shown = append(shown, collapsed(rest[alike])...)
	}
	return shown
}

// isPart reports whether s is one of the many things that a page refers to.
func isPart(s *probes.Step) bool { return s.Name == "asset" || s.Name == "link" }

// whole returns for each likeness the asset that stands for all: the first
// that blocks rendering, else the first.
func (d *treeDrawing) whole(assets []*probes.Step) map[string]*probes.Step {
	chosen := map[string]*probes.Step{}
	for _, s := range assets {
		fare := likeness(s)
		if c := chosen[fare]; c == nil || isBlocking(s) && !isBlocking(c) {
			chosen[fare] = s
		}
	}
	return chosen
}

func isBlocking(s *probes.Step) bool { return s.Attrs[probes.AttrAssetBlocking] == true }

// collapsed returns one branch for many assets, one each for few.
func collapsed(assets []*probes.Step) (few []branch) {
	if len(assets) >= collapseFrom {
		return []branch{summary(assets)}
	}
	for _, s := range assets {
		few = append(few, branch{step: s, label: label(s), brief: true})
	}
	return few
}

// likeness is the same for healthy assets, and for assets that fail for one
// reason at one host.
func likeness(asset *probes.Step) string {
	leaf, host := asset, asset.Text(probes.AttrServerAddress)
	for {
		i := slices.IndexFunc(leaf.Steps, func(c *probes.Step) bool { return c.Fail != nil })
		if i < 0 {
			break
		}
		leaf = leaf.Steps[i]
		host = cmp.Or(leaf.Text(probes.AttrServerAddress), host)
	}
	switch {
	case leaf.Fail != nil:
		return string(leaf.Fail.Code) + " at " + host
	case isWarned(asset):
		return fmt.Sprintf("%p", asset) // like no other
	}
	return healthy
}

func isWarned(s *probes.Step) bool {
	for c := range s.All() {
		if slices.ContainsFunc(c.Findings, probes.Finding.Warns) {
			return true
		}
	}
	return false
}

// summary is one branch for many assets that fare alike: what they are, and
// the time from the first's begin to the last's end.
func summary(assets []*probes.Step) branch {
	roles, hosts := map[string]int{}, map[string]bool{}
	all := &probes.Step{Name: "assets", Start: assets[0].Start}
	for _, s := range assets {
		roles[cmp.Or(s.Text(probes.AttrAssetRole), "other")]++
		for c := range s.All() {
			hosts[c.Text(probes.AttrServerAddress)] = true
		}
		all.Took = max(all.Took, s.Start.Sub(all.Start)+s.Took)
	}
	delete(hosts, "")
	text := fmt.Sprintf("✓ %d %ss ok: %s; %s", len(assets), assets[0].Name, countedWords(roles), counted(len(hosts), "host"))
	if fare := likeness(assets[0]); fare != healthy {
		all.Fail, all.Attrs = &probes.Failure{Detail: fare + "; --verbose shows each"}, assets[0].Attrs
		text = fmt.Sprintf("✗ %d more fail: %s", len(assets), countedWords(roles))
	}
	return branch{step: all, label: text}
}

// cost says below the header what a page takes and what it waits for.
func (d *treeDrawing) cost(root *probes.Step) {
	facts := printable(strings.Join(pageFacts(root), ", "))
	if facts == "" {
		return
	}
	for _, line := range wrap(facts, d.width-2) {
		fmt.Fprintf(d, "  %s\n", d.in(dim, line))
	}
}

// pageFacts are what is told of a page on its root.
func pageFacts(root *probes.Step) (all []string) {
	if ms, ok := root.Attrs[probes.AttrPageFirstPaint].(float64); ok {
		all = append(all, "first paint after "+shortDuration(time.Duration(ms*float64(time.Millisecond))))
	}
	if n := root.Int(probes.AttrPageRequests); n > 0 {
		all = append(all, counted(n, "request"), shortBytes(root.Int(probes.AttrPageBytes)))
	}
	if host := root.Text(probes.AttrPageHeaviest); host != "" {
		all = append(all, shortBytes(root.Int(probes.AttrPageHeaviestSize))+" of it from "+host)
	}
	if ms, ok := root.Attrs[probes.AttrPageSlowestTime].(float64); ok {
		all = append(all, "waits longest for "+root.Text(probes.AttrPageSlowest)+", "+shortDuration(time.Duration(ms*float64(time.Millisecond))))
	}
	return all
}

// countedWords lists words with their counts, the commonest first.
func countedWords(count map[string]int) string {
	words := slices.SortedFunc(maps.Keys(count), func(a, b string) int {
		return cmp.Or(-cmp.Compare(count[a], count[b]), cmp.Compare(a, b))
	})
	for i, w := range words {
		words[i] = fmt.Sprintf("%d %s", count[w], w)
	}
	return strings.Join(words, ", ")
}
