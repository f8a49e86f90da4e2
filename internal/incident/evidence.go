package incident

import (
	"fmt"
	"strings"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

// proving are the facts of a step that evidence consists of, in the order in
// which they are shown.
var proving = []struct{ key, name string }{
	{probes.AttrErrorType, "code"},
	{probes.AttrDetail, "detail"},
	{probes.AttrFault, "at fault"},
	{probes.AttrURL, "URL"},
	{probes.AttrServerAddress, "host"},
	{probes.AttrDNSQuestion, "DNS question"},
	{probes.AttrDNSServer, "resolver"},
	{probes.AttrDNSChain, "aliases"},
	{probes.AttrDNSAnswers, "addresses"},
	{probes.AttrPeerAddress, "connected to"},
	{probes.AttrTLSVersion, "TLS version"},
	{probes.AttrStatus, "HTTP status"},
	{probes.AttrRetryAfter, "Retry-After, seconds"},
	{probes.AttrLocation, "redirects to"},
	{probes.AttrContentType, "Content-Type"},
	{probes.AttrContentRange, "Content-Range"},
	{probes.AttrEncoding, "Content-Encoding"},
	{probes.AttrETag, "ETag"},
	{probes.AttrBodySize, "bytes transferred"},
	{probes.AttrCDNName, "CDN"},
	{probes.AttrCDNEdge, "CDN edge"},
	{probes.AttrCDNCache, "CDN cache"},
	{probes.AttrFeedTitle, "feed title"},
	{probes.AttrFeedGUID, "feed guid"},
	{probes.AttrFeedItems, "feed items"},
	{probes.AttrMediaType, "media type by the bytes"},
	{probes.AttrMediaCodec, "codec"},
	{probes.AttrMediaSeconds, "seconds of audio"},
	{probes.AttrMediaLength, "seconds promised"},
	{probes.AttrTLSStores, "trust stores"},
}

// maxChain is how many certificates of a served chain are told.
const maxChain = 10

// EvidenceOf returns the facts of the step at which a run failed, or was
// warned of a host, and of what stands around it in the same exchange. ok is
// false where the trace doesn't have it.
func EvidenceOf(t api.Trace, hosts []string) (e api.Evidence, ok bool) {
	at := faulty(t, hosts)
	if at < 0 {
		return e, false
	}
	steps := around(t.Spans, at)
	e = api.Evidence{Region: t.Run.Region, TraceID: t.Run.TraceID, Path: paths(t.Spans).at[t.Spans[at].ID], Facts: [][2]string{}}
	for _, k := range proving {
		for i := range steps {
			if text := fact(&steps[i], k.key); text != "" {
				e.Facts = append(e.Facts, [2]string{k.name, text})
				break
			}
		}
	}
	for i := range steps {
		if facts := chain(steps[i].Attrs); len(facts) > 0 {
			e.Facts = append(e.Facts, facts...)
			break
		}
	}
	return e, true
}

// faulty finds the first leaf that failed critically with the run's code, or
// where the run didn't fail the first step at one of hosts with a finding.
func faulty(t api.Trace, hosts []string) int {
	above, parents := map[string]string{}, map[string]bool{} // of spans that failed
	for _, s := range t.Spans {
		above[s.ID] = s.Parent
		for id := s.Parent; s.Code != "" && id != "" && !parents[id]; id = above[id] {
			parents[id] = true
		}
	}
	warned := -1
	for i, s := range t.Spans {
		if critical, ok := s.Attrs[probes.AttrCritical].(bool); s.Code != "" && !parents[s.ID] && t.Run.Outcome == probes.Failed && (critical || !ok) {
			return i
		}
		if _, found := s.Attrs[probes.AttrFindings]; found && s.Parent != "" && warned < 0 && overlap(s.Attrs[probes.AttrFindingHosts], hosts) {
			warned = i
		}
	}
	return warned
}

func overlap(list any, names []string) bool {
	all, _ := list.([]any)
	for _, v := range all {
		for _, n := range names {
			if v == n {
				return true
			}
		}
	}
	return false
}

// around returns the span and those of its exchange, the span first.
func around(spans []api.Span, at int) []api.Span {
	byID := map[string]int{}
	for i, s := range spans {
		byID[s.ID] = i
	}
	hop := at
	for steps := 0; spans[hop].Step != "hop" && spans[hop].Step != "asset" && steps < len(spans); steps++ {
		parent, ok := byID[spans[hop].Parent]
		if !ok {
			return spans[at : at+1]
		}
		hop = parent
	}
	all := []api.Span{spans[at]}
	for i, s := range spans {
		if i != at && (i == hop || s.Parent == spans[hop].ID) {
			all = append(all, s)
		}
	}
	return all
}

// chain tells the certificates as they were served, the leaf first.
func chain(attrs map[string]any) (facts [][2]string) {
	list := func(key string) []any {
		all, _ := attrs[key].([]any)
		return all
	}
	subjects := list(probes.AttrTLSSubject)
	for i := range min(len(subjects), maxChain) {
		var says []string
		say := func(before string, key string) {
			if all := list(key); i < len(all) && fmt.Sprint(all[i]) != "" {
				says = append(says, before+fmt.Sprint(all[i]))
			}
		}
		say("", probes.AttrTLSSubject)
		say("issued by ", probes.AttrTLSIssuer)
		say("valid from ", probes.AttrTLSBegin)
		say("until ", probes.AttrTLSEnd)
		say("SHA-256 ", probes.AttrTLSSHA256)
		facts = append(facts, [2]string{fmt.Sprintf("certificate %d", i+1), probes.Bounded(strings.Join(says, ", "))})
	}
	return facts
}
