package incident

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

// dimensions are what runs are compared by, the more telling first where two
// separate as well.
var dimensions = []string{
	"certificate", "host", "address", "edge", "address_block", "cdn", "ip_family", "issuer",
	"tls_version", "http_version", "hop_role", "hop_count", "region", "agent", "service",
}

const (
	leastScore = 0.2 // below it a factor separates nothing
	maxFactors = 20
)

// A feature is a value of a dimension.
type feature struct{ dimension, value string }

// Factors ranks what failing runs share that healthy ones lack. Of the
// exchanges of a run those count that are with hosts, the ones at fault; of a
// run that never got so far, all. Hosts themselves are compared over the whole
// run, so that a prefix shows through which alone it fails.
func Factors(failing, healthy []api.Trace, hosts []string) []api.Factor {
	bad, badKnown := counted(failing, hosts)
	good, goodKnown := counted(healthy, hosts)
	all := []api.Factor{}
	for f, n := range bad {
		k := api.Factor{
			Dimension: f.dimension, Value: f.value, FailingWith: n, Failing: badKnown[f.dimension],
			HealthyWith: good[f], Healthy: goodKnown[f.dimension],
		}
		if k.Healthy > 0 {
			k.Score = float64(n)/float64(k.Failing) - float64(k.HealthyWith)/float64(k.Healthy)
		}
		if k.Score >= leastScore {
			all = append(all, k)
		}
	}
	slices.SortFunc(all, func(a, b api.Factor) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(b.FailingWith, a.FailingWith),
			slices.Index(dimensions, a.Dimension)-slices.Index(dimensions, b.Dimension), strings.Compare(a.Value, b.Value))
	})
	return all[:min(len(all), maxFactors)]
}

// counted counts the runs that have each feature, and those in which anything is
// known of a dimension.
func counted(traces []api.Trace, hosts []string) (with map[feature]int, known map[string]int) {
	with, known = map[feature]int{}, map[string]int{}
	for _, t := range traces {
		dims := map[string]bool{}
		for f := range features(t, hosts) {
			with[f]++
			dims[f.dimension] = true
		}
		for d := range dims {
			known[d]++
		}
	}
	return with, known
}

func features(t api.Trace, hosts []string) map[feature]bool {
	set := map[feature]bool{}
	add := func(dimension, value string) {
		if value != "" {
			set[feature{dimension, probes.Bounded(value)}] = true
		}
	}
	add("region", t.Run.Region)
	add("agent", t.Run.Agent)
	add("service", t.Run.Service)
	hops := hopsOf(t)
	for _, h := range hops {
		add("host", h.text(probes.AttrServerAddress))
	}
	if len(hops) > 0 {
		add("hop_count", fmt.Sprint(len(hops)))
	}
	at := slices.DeleteFunc(slices.Clone(hops), func(h exchange) bool { return !slices.Contains(hosts, h.text(probes.AttrServerAddress)) })
	if len(at) == 0 {
		at = hops
	}
	for _, h := range at {
		h.features(add)
	}
	return set
}

// An exchange is a hop with the facts of the steps below it.
type exchange []api.Span

// hopsOf returns the exchanges of a run.
func hopsOf(t api.Trace) (hops []exchange) {
	at := map[string]int{} // index of its hop, by span
	for _, s := range t.Spans {
		i, below := at[s.Parent]
		switch {
		case s.Step == "hop":
			i = len(hops)
			hops = append(hops, nil)
		case !below:
			continue
		}
		at[s.ID] = i
		hops[i] = append(hops[i], s)
	}
	return hops
}

// text is the fact of the first span that has it.
func (e exchange) text(key string) string {
	for _, s := range e {
		if v, ok := s.Attrs[key]; ok {
			return fmt.Sprint(v)
		}
	}
	return ""
}

func (e exchange) features(add func(dimension, value string)) {
	add("certificate", e.text(probes.AttrCertSHA256))
	add("issuer", e.text(probes.AttrCertIssuer))
	add("tls_version", e.text(probes.AttrTLSVersion))
	add("http_version", e.text(probes.AttrProtocolVersion))
	add("cdn", e.text(probes.AttrCDNName))
	add("edge", e.text(probes.AttrCDNEdge))
	if role := e.text(probes.AttrHopRole); role != "unknown" { // what fails before an answer has none
		add("hop_role", role)
	}
	a, err := netip.ParseAddr(e.text(probes.AttrPeerAddress))
	if err != nil {
		return
	}
	add("address", a.String())
	add("ip_family", map[bool]string{true: "IPv4", false: "IPv6"}[a.Unmap().Is4()])
	if b, ok := block(a.String()); ok {
		add("address_block", b.String())
	}
}
