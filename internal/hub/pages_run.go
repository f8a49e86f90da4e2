package hub

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

type runView struct {
	api.Run
	Now         time.Time
	Headline    string
	Total       time.Duration // what the waterfall spans
	Ticks       []string
	Spans       []spanView
	ConfirmedBy string // the trace ID of the run that was sent to confirm this one
	Incomplete  bool   // the root has not arrived
	Alike       string // runs with the same code and culprit
	Siblings    string // runs of the same target in the same region
	Raw         string // the same as data
}

// A spanView is one row of the waterfall.
type spanView struct {
	api.Span
	Depth  int    // below the root, at most maxDepth
	Kind   string // what its bar is coloured by
	Says   string // the most telling of its attributes
	Detail string
	X, W   string // of its bar, as shares of the whole
	Open   bool   // its attributes are shown from the start
	Certs  []certificate
	Attrs  []attribute
}

type attribute struct {
	Key    string
	Values []string
}

// maxDepth is how far rows are indented; an agent's trees are less deep.
const maxDepth = 8

func (s *site) run(r *http.Request) (*page, error) {
	tr, err := s.src.Trace(r.Context(), r.PathValue("traceID"))
	if err != nil {
		return nil, err
	}
	v := newRun(tr, s.now())
	return &page{
		template: "run", Section: "runs",
		Title: symbol(v.Outcome) + " " + v.Headline + ", " + v.Target,
		Icon:  string(v.Outcome), Body: v,
	}, nil
}

func newRun(tr api.Trace, now time.Time) *runView {
	r := tr.Run
	v := &runView{
		Run: r, Now: now, Headline: verdict(r),
		Siblings: runsWhere(r.Started, "region", r.Region, "target", r.Target),
		Raw:      "/api/v1/traces/" + url.PathEscape(r.TraceID), ConfirmedBy: tr.ConfirmedBy,
	}
	if r.Outcome == probes.Failed {
		v.Alike = runsWhere(r.Started, "code", string(r.Code), "culprit", r.Culprit)
	}
	v.Incomplete = !slices.ContainsFunc(tr.Spans, func(s api.Span) bool { return s.Parent == "" })
	v.draw(tr.Spans)
	return v
}

// verdict is what a run came to, in a few words.
func verdict(r api.Run) string {
	switch {
	case r.Code != "" && r.Culprit != "":
		return string(r.Code) + " at " + r.Culprit
	case r.Code != "":
		return string(r.Code)
	case r.Outcome == probes.Degraded:
		return "served, with a warning"
	case r.Outcome == probes.OK:
		return "ok"
	}
	return string(r.Outcome)
}

// runsWhere leads to the runs around a moment that have the given values.
func runsWhere(at time.Time, pairs ...string) string {
	v := url.Values{
		"from": {at.Add(-time.Hour).UTC().Format(time.RFC3339)},
		"to":   {at.Add(time.Hour).UTC().Format(time.RFC3339)},
	}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	return "/runs?" + v.Encode()
}

// draw lays the spans out as a waterfall.
func (v *runView) draw(spans []api.Span) {
	if len(spans) == 0 {
		return
	}
	begin, end := spans[0].Start, spans[0].Start
	for _, s := range spans {
		if s.Start.Before(begin) {
			begin = s.Start
		}
		if e := s.Start.Add(s.Duration); e.After(end) {
			end = e
		}
	}
	v.Total = max(end.Sub(begin), time.Microsecond)
	for i := range 4 {
		v.Ticks = append(v.Ticks, took(v.Total*time.Duration(i)/4))
	}
	v.Ticks[0] = "0"
	for _, n := range placed(spans) {
		v.Spans = append(v.Spans, newSpan(n, begin, v.Total))
	}
}

// A node is a span where it stands in the tree.
type node struct {
	api.Span
	depth int
	leaf  bool // no failed span below it
}

// placed finds where each span stands. They come parents first; what hangs on
// nothing, since a part of the trace is missing or wrong, stands at the top.
func placed(spans []api.Span) []node {
	nodes, byID := make([]node, len(spans)), map[string]*node{}
	for i, s := range spans {
		nodes[i] = node{Span: s, leaf: true}
		if p := byID[s.Parent]; p != nil {
			nodes[i].depth = p.depth + 1
		}
		byID[s.ID] = &nodes[i]
	}
	for i := range slices.Backward(nodes) {
		if p := byID[nodes[i].Parent]; p != nil && (nodes[i].Code != "" || !nodes[i].leaf) {
			p.leaf = false
		}
	}
	return nodes
}

func newSpan(n node, begin time.Time, total time.Duration) spanView {
	const least = 0.4 // per cent: what takes no time is seen nonetheless
	at := func(d time.Duration) float64 { return 100 * float64(d) / float64(total) }
	w := max(at(n.Duration), least)
	x := max(min(at(n.Start.Sub(begin)), 100-w), 0)
	step := cmp.Or(n.Step, n.Name)
	v := spanView{
		Span: n.Span, Depth: min(n.depth, maxDepth), Kind: barKinds[step],
		X: fmt.Sprintf("%.2f%%", x), W: fmt.Sprintf("%.2f%%", w),
		Says: says(step, n.Attrs), Detail: text(n.Attrs, probes.AttrDetail),
		Open: n.Code != "" && n.leaf, Certs: certificates(n.Attrs, n.Start), Attrs: attributes(n.Attrs),
	}
	v.Step = step
	if !n.leaf {
		v.Detail = "" // told where it happened
	}
	switch {
	case n.Code != "" && n.leaf:
		v.Kind = "failed"
	case n.Code != "":
		v.Kind = "above"
	}
	return v
}

// barKinds colours the phases of an exchange; all other steps look alike.
var barKinds = map[string]string{
	"dns": "dns", "connect": "connect", "tls": "tls", "request": "request", "body": "body",
	"parse": "work", "decode": "work",
}
