package drill

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sonde-media/sonde/probes"
)

// aside is a small world with text added to it.
func aside(t *testing.T, text string) *vantage {
	t.Helper()
	s, err := Load("aside", []byte(`title A small world
timeout 2s
region    us-east
region    eu-west
host      feeds.castle.example
host      media.castle.example cdn=fastly edges=2 ipv6=`+sixth(t)+`
show      nights title="Castle Nights" author="Castle Radio" feed=feeds.castle.example media=media.castle.example
truth     none
`+text))
	if err != nil {
		t.Fatal(err)
	}
	return stand(t, s)
}

// sixth says whether this machine has IPv6 on loopback.
func sixth(t *testing.T) string {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		return "no"
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	return "yes"
}

// says is what a run comes to in a line: its code, and its findings but those
// of certificates that are to expire.
func says(r *probes.Run) string {
	words := []string{string(r.Outcome)}
	if r.Code != "" {
		words = append(words, string(r.Code))
	}
	for _, f := range r.Findings {
		if f.Code != probes.CertExpiring && !slices.Contains(words, string(f.Code)) {
			words = append(words, string(f.Code))
		}
	}
	return strings.Join(words, " ")
}

// A fault stays where and when it is staged.
func TestFaultsHavePlaces(t *testing.T) {
	v := aside(t, `target enclosure four  of=nights opt.ip=4
target enclosure six   of=nights opt.ip=6
target enclosure all   of=nights opt.ip=4 opt.addresses=all
`)
	if sixth(t) == "no" {
		t.Skip("this machine has no IPv6 on loopback")
	}
	for _, tt := range []struct {
		name  string
		fault Fault
		want  [3]string // of the targets, in us-east
	}{
		{"everywhere", Fault{Kind: HTTPStatus, Value: 503}, [3]string{"failed http_status", "failed http_status", "failed http_status"}},
		{"IPv6 only", Fault{Kind: HTTPStatus, Value: 503, Family: 6}, [3]string{"ok", "failed http_status", "ok"}},
		{"IPv4 only", Fault{Kind: HTTPReset, Family: 4}, [3]string{"failed http_reset", "ok", "failed http_reset"}},
		{"the second of two addresses", Fault{Kind: CertificateExpires, Edge: 2, CDN: "fastly", Family: 4}, [3]string{"ok", "ok", "degraded address_failed"}},
		{"elsewhere", Fault{Kind: HTTPStatus, Value: 503, Regions: []string{"eu-west"}}, [3]string{"ok", "ok", "ok"}},
		{"over", Fault{Kind: HTTPStatus, Value: 503, At: -time.Minute, For: time.Minute}, [3]string{"ok", "ok", "ok"}},
		{"no request of a million", Fault{Kind: HTTPStatus, Value: 503, Share: 1e-9}, [3]string{"ok", "ok", "ok"}},
		{"a CDN", Fault{Kind: HTTPStatus, Value: 503, CDN: "fastly"}, [3]string{"failed http_status", "failed http_status", "failed http_status"}},
		{"silence of DNS in a zone", Fault{Kind: DNSSilent, Zone: "castle.example"}, [3]string{"failed dns_timeout", "failed dns_timeout", "failed dns_timeout"}},
		{"no answer", Fault{Kind: HTTPStall}, [3]string{"failed http_timeout", "failed http_timeout", "failed http_timeout"}},
		{"compressed ranges", Fault{Kind: RangeCompressed}, [3]string{"degraded range_wrong", "degraded range_wrong", "degraded range_wrong"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v.mu.Lock()
			v.faults = nil
			v.mu.Unlock()
			if err := v.Inject(tt.fault, time.Now().Add(-time.Second)); err != nil {
				t.Fatal(err)
			}
			runs := v.probe(t)
			for i, want := range tt.want {
				if got := says(runs[i]); !strings.HasPrefix(got, want) {
					t.Errorf("%s: got %s (%s), want %s", v.lanes[i].target.Name, got, runs[i].Detail, want)
				}
			}
		})
	}
}

// An answer that waits ends with the world.
func TestAWorldEndsAmidAnAnswer(t *testing.T) {
	s, err := Load("end", slices.Concat(demoText, []byte("truth none\n")))
	if err != nil {
		t.Fatal(err)
	}
	w, err := s.Open()
	if err != nil {
		t.Skip(err)
	}
	if err := w.Inject(Fault{Kind: HTTPStall}, time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	go func() { done <- w.Run(ctx) }()
	asked := make(chan struct{})
	trace := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { close(asked) }})
	req, err := http.NewRequestWithContext(trace, http.MethodGet, w.URL(Shop, "/"), nil)
	if err != nil {
		t.Fatal(err)
	}
	c := client(t, w, "here", nil)
	go func() {
		resp, err := c.Do(req)
		if err != nil {
			done <- nil
			return
		}
		resp.Body.Close()
		done <- fmt.Errorf("got %s, want no answer", resp.Status)
	}()
	<-asked
	cancel()
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// What CDNs answer with is told from the answer, on errors too.
func TestCDNsNameThemselves(t *testing.T) {
	names := slices.Sorted(maps.Keys(cdnHeaders))
	var text strings.Builder
	for _, name := range names {
		fmt.Fprintf(&text, "host www.%s.example cdn=%[1]s\npage %[1]s title=%[1]s host=www.%[1]s.example\ntarget page %[1]s of=%[1]s opt.max_assets=0\n", name)
	}
	v := aside(t, text.String())
	for _, status := range []int{http.StatusOK, http.StatusServiceUnavailable} {
		if err := v.Inject(Fault{Kind: HTTPStatus, Value: status}, time.Now().Add(-time.Second)); err != nil {
			t.Fatal(err)
		}
		for i, r := range v.probe(t) {
			got := ""
			for s := range r.Root.All() {
				got = cmp.Or(got, s.Text(probes.AttrCDNName))
			}
			if want := v.lanes[i].target.Name; got != want {
				t.Errorf("got CDN %q by an answer %d, want %q", got, status, want)
			}
		}
	}
}
