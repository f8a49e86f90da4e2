package incident

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

// telling are the facts by which two runs are compared, in the order in which
// they are shown.
var telling = []struct{ key, name string }{
	{probes.AttrErrorType, "code"},
	{probes.AttrDetail, "detail"},
	{probes.AttrServerAddress, "host"},
	{probes.AttrDNSChain, "aliases"},
	{probes.AttrDNSAnswers, "addresses"},
	{probes.AttrPeerAddress, "address"},
	{probes.AttrCertSHA256, "certificate"},
	{probes.AttrCertIssuer, "issuer"},
	{probes.AttrCertNotAfter, "expires"},
	{probes.AttrTLSVersion, "tls"},
	{probes.AttrProtocolVersion, "http"},
	{probes.AttrStatus, "status"},
	{probes.AttrLocation, "redirects to"},
	{probes.AttrContentType, "content type"},
	{probes.AttrContentRange, "content range"},
	{probes.AttrEncoding, "encoding"},
	{probes.AttrBodySize, "bytes"},
	{probes.AttrCDNName, "CDN"},
	{probes.AttrCDNEdge, "edge"},
	{probes.AttrFeedTitle, "title"},
	{probes.AttrFeedGUID, "guid"},
	{probes.AttrFeedItems, "items"},
	{probes.AttrMediaCodec, "codec"},
}

// Facts that differ between regions, or from run to run, without anything being
// wrong. Some are told and never make a step the first that differs; others do
// so only where nothing else differs.
var (
	shownAlone = []string{"detail", "edge", "addresses"}
	weakly     = []string{"address", "bytes"}
)

// How much a step differs.
const (
	same = iota
	weaklyDiffers
	inheritsCode // of a step below
	differs
)

// Diverge puts a failing and a healthy run of one target side by side.
func Diverge(failing, healthy api.Trace) api.Divergence {
	d := api.Divergence{Failing: failing.Run, Healthy: healthy.Run, First: -1, Steps: []api.DivergedStep{}}
	bad, good := paths(failing.Spans), paths(healthy.Spans)
	var how []int
	put := func(s api.DivergedStep, n int) {
		d.Steps, how = append(d.Steps, s), append(how, n)
	}
	for _, p := range bad.order {
		s := bad.spans[p]
		if h, ok := good.spans[p]; ok {
			put(step(p, &s, &h))
			continue
		}
		put(step(p, &s, nil))
	}
	for _, p := range good.order {
		if _, ok := bad.spans[p]; !ok {
			h := good.spans[p]
			put(step(p, nil, &h))
		}
	}
	for _, n := range []int{differs, inheritsCode, weaklyDiffers} {
		if d.First < 0 {
			d.First = slices.Index(how, n)
		}
	}
	return d
}

// A route is the spans of a run by where they stand.
type route struct {
	order []string
	spans map[string]api.Span
	at    map[string]string // path of a span, by its ID
}

// paths names each span by the step words from the root, numbered where
// several of one word stand side by side. Spans come parents first.
func paths(spans []api.Span) route {
	path, count := map[string]string{}, map[string]int{}
	r := route{spans: map[string]api.Span{}, at: path}
	for _, s := range spans {
		p := s.Step
		if above, ok := path[s.Parent]; ok && above != "" {
			p = above + "/" + s.Step
		}
		if strings.HasPrefix(s.Step, "probe ") {
			p = "" // the root, which is named by the target
		}
		if count[p]++; count[p] > 1 {
			p = fmt.Sprintf("%s %d", p, count[p])
		}
		path[s.ID] = p
		if p != "" {
			r.order, r.spans[p] = append(r.order, p), s
		}
	}
	return r
}

// step compares one step; nil is a run that doesn't have it.
func step(path string, failing, healthy *api.Span) (s api.DivergedStep, how int) {
	s = api.DivergedStep{Path: path, Failing: failing != nil, Healthy: healthy != nil, Facts: []api.DivergedFact{}}
	if s.Failing != s.Healthy {
		how = differs
	}
	for _, k := range telling {
		f := api.DivergedFact{Name: k.name, Failing: fact(failing, k.key), Healthy: fact(healthy, k.key)}
		if f.Failing == "" && f.Healthy == "" {
			continue
		}
		f.Differs = f.Failing != f.Healthy && s.Failing && s.Healthy
		if f.Differs {
			how = max(how, weight(k.name, failing))
		}
		s.Facts = append(s.Facts, f)
	}
	return s, how
}

// weight is how much it says that a fact differs. A step that only stands above
// exchanges has its code from one of them.
func weight(name string, failing *api.Span) int {
	switch {
	case slices.Contains(shownAlone, name):
		return same
	case slices.Contains(weakly, name):
		return weaklyDiffers
	case name == "code" && slices.Contains(containers, failing.Step):
		return inheritsCode
	}
	return differs
}

// containers are the steps that only stand above exchanges.
var containers = []string{"feed", "episode", "document", "asset"}

func fact(s *api.Span, key string) string {
	if s == nil || s.Attrs[key] == nil {
		return ""
	}
	if list, ok := s.Attrs[key].([]any); ok {
		texts := make([]string, len(list))
		for i, v := range list {
			texts[i] = fmt.Sprint(v)
		}
		slices.Sort(texts)
		return probes.Bounded(strings.Join(texts, ", "))
	}
	return probes.Bounded(fmt.Sprint(s.Attrs[key]))
}
