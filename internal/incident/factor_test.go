package incident_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/incident"
	"github.com/sonde-media/sonde/probes"
)

// An exchange of a trace made by hand.
type exchange struct {
	host, address, cert, edge string
	code                      probes.Code
}

func trace(region string, hops ...exchange) api.Trace {
	t := api.Trace{Run: api.Run{Region: region}, Spans: []api.Span{{ID: "r", Step: "probe feed"}, {ID: "f", Parent: "r", Step: "feed"}}}
	for i, h := range hops {
		id := fmt.Sprint("h", i)
		attrs := map[string]any{
			probes.AttrServerAddress: h.host, probes.AttrPeerAddress: h.address, probes.AttrCDNName: "Fastish", probes.AttrCDNEdge: h.edge,
		}
		t.Spans = append(t.Spans,
			api.Span{ID: id, Parent: "f", Step: "hop", Code: h.code, Attrs: attrs},
			api.Span{ID: id + "d", Parent: id, Step: "dns", Attrs: map[string]any{probes.AttrDNSAnswers: []any{"192.0.2.2", h.address}}},
			api.Span{ID: id + "t", Parent: id, Step: "tls", Attrs: map[string]any{probes.AttrCertSHA256: h.cert, probes.AttrTLSVersion: "1.3"}})
		if h.code != "" {
			attrs[probes.AttrErrorType] = string(h.code)
		}
	}
	return t
}

func TestFactors(t *testing.T) {
	v4 := exchange{host: "cdn.example", address: "192.0.2.1", cert: "AA", edge: "FRA1"}
	v6 := exchange{host: "cdn.example", address: "2001:db8::1", cert: "AA", edge: "FRA1", code: probes.ConnectTimeout}
	v6b := v6
	v6b.address = "2001:db8:9::1"
	sick := exchange{host: "cdn.example", address: "192.0.2.1", cert: "AA", edge: "AMS2", code: probes.HTTPStatus}
	prefix := exchange{host: "prefix.example", address: "203.0.113.5", cert: "BB"}
	gone := prefix
	gone.code = probes.HTTPReset
	for _, c := range []struct {
		name             string
		failing, healthy []api.Trace
		hosts            []string
		want             api.Factor
	}{
		{
			"IPv6 only",
			[]api.Trace{trace("eu", v6), trace("us", v6b)},
			[]api.Trace{trace("eu", v4), trace("us", v4), trace("ap", v4)},
			[]string{"cdn.example"},
			api.Factor{Dimension: "ip_family", Value: "IPv6", FailingWith: 2, Failing: 2, Healthy: 3, Score: 1},
		},
		{
			"one edge of one CDN",
			[]api.Trace{trace("eu", sick), trace("us", sick)},
			[]api.Trace{trace("eu", v4), trace("us", v4)},
			[]string{"cdn.example"},
			api.Factor{Dimension: "edge", Value: "AMS2", FailingWith: 2, Failing: 2, Healthy: 2, Score: 1},
		},
		{
			"only through the prefix",
			[]api.Trace{trace("eu", gone), trace("us", prefix, sick)},
			[]api.Trace{trace("eu", v4), trace("us", v4), trace("us", v4)},
			[]string{"prefix.example", "cdn.example"},
			api.Factor{Dimension: "host", Value: "prefix.example", FailingWith: 2, Failing: 2, Healthy: 3, Score: 1},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := incident.Factors(c.failing, c.healthy, c.hosts)
			if len(all) == 0 {
				t.Fatal("no factor")
			}
			top := all[0]
			// A certificate or address of the prefix separates as well.
			for _, f := range all {
				if f.Score == top.Score && f.Dimension == c.want.Dimension {
					top = f
				}
			}
			if diff := cmp.Diff(c.want, top); diff != "" {
				t.Errorf("%s\nof %v", diff, all)
			}
		})
	}
}

// What both have separates nothing.
func TestNoFactor(t *testing.T) {
	same := exchange{host: "cdn.example", address: "192.0.2.1", cert: "AA"}
	if all := incident.Factors([]api.Trace{trace("eu", same)}, []api.Trace{trace("eu", same)}, nil); len(all) != 0 {
		t.Errorf("got %v", all)
	}
}

func TestDiverge(t *testing.T) {
	good := trace("eu", exchange{host: "a.example", address: "192.0.2.1", cert: "AA"}, exchange{host: "b.example", address: "192.0.2.9", cert: "BB"})
	bad := trace("us", exchange{host: "a.example", address: "192.0.2.2", cert: "AA"}, exchange{host: "b.example", address: "192.0.2.9", cert: "CC", code: probes.TLSExpired})
	d := incident.Diverge(bad, good)
	if d.First < 0 || d.Steps[d.First].Path != "feed/hop 2" {
		t.Fatalf("first %d of %v", d.First, d.Steps)
	}
	var differs []string
	for _, s := range d.Steps {
		for _, f := range s.Facts {
			if f.Differs {
				differs = append(differs, s.Path+" "+f.Name+" "+f.Failing+" "+f.Healthy)
			}
		}
	}
	want := []string{
		"feed/hop address 192.0.2.2 192.0.2.1", "feed/hop/dns addresses 192.0.2.2, 192.0.2.2 192.0.2.1, 192.0.2.2", // an edge of its own is nothing wrong
		"feed/hop 2 code tls_expired ", "feed/hop 2/tls certificate CC BB",
	}
	if diff := cmp.Diff(want, differs); diff != "" {
		t.Error(diff)
	}
	if d := incident.Diverge(good, good); d.First != -1 {
		t.Errorf("a run differs from itself at %v", d.Steps[d.First])
	}
}
