package drill

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open runs a world of three regions for the time of a test.
func open(t *testing.T) *World {
	t.Helper()
	w, err := Open("us-east", "eu-west", "ap-south")
	if errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	keepRunning(t, w)
	return w
}

// keepRunning serves w for the time of a test.
func keepRunning(t *testing.T, w *World) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// client is a listener in a region whose clock shows the time at.
func client(t *testing.T, w *World, region string, at func() time.Time) *http.Client {
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, w.Resolver(region))
	}}
	transport := &http.Transport{
		DialContext:       (&net.Dialer{Resolver: resolver}).DialContext,
		TLSClientConfig:   &tls.Config{RootCAs: w.Roots(), Time: at},
		ForceAttemptHTTP2: true,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func onlyHTTP1(c *http.Client) {
	transport := c.Transport.(*http.Transport)
	transport.ForceAttemptHTTP2 = false
	transport.TLSClientConfig.NextProtos = []string{"http/1.1"}
}

func fetch(t *testing.T, c *http.Client, url string, header ...string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, body
}

func ask(t *testing.T, w *World, region, name string, kind uint16, network string) *dns.Msg {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(name+".", kind)
	r, _, err := (&dns.Client{Net: network}).Exchange(m, w.Resolver(region))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestEachRegionIsLedToItsOwnEdges(t *testing.T) {
	w := open(t)
	seen := map[string]string{}
	for _, region := range w.scenario.Regions {
		region := region.Name
		for _, network := range []string{"udp", "tcp"} {
			r := ask(t, w, region, CastleCDN, dns.TypeA, network)
			if len(r.Answer) != 2 {
				t.Fatalf("%s by %s: got %v, want a CNAME and an address", region, network, r.Answer)
			}
			if got := r.Answer[0].(*dns.CNAME).Target; got != "castle.edges.example." {
				t.Errorf("%s: got alias %s", region, got)
			}
			a := r.Answer[1].(*dns.A).A.String()
			if other, ok := seen[a]; ok && other != region {
				t.Errorf("%s and %s share %s", region, other, a)
			}
			seen[a] = region
		}
	}
}

func TestNegativeAnswers(t *testing.T) {
	w := open(t)
	if err := w.Inject(Fault{Kind: DNSAnswer, Hosts: []string{HarbourFeeds}, Value: dns.RcodeServerFailure}, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := w.Inject(Fault{Kind: DNSAnswer, Hosts: []string{Shop}, Regions: []string{"eu-west"}}, time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, host, region string
		kind               uint16
		rcode              int
		soa                string
	}{
		{"no such name", "nowhere.castle.example", "us-east", dns.TypeA, dns.RcodeNameError, "castle.example."},
		{"another's name", "example.org", "us-east", dns.TypeA, dns.RcodeRefused, ""},
		{"no IPv6", CastleFeeds, "us-east", dns.TypeAAAA, dns.RcodeSuccess, "castle.example."},
		{"no IPv6 behind an alias", CastleCDN, "us-east", dns.TypeAAAA, dns.RcodeSuccess, "edges.example."},
		{"staged server failure", HarbourFeeds, "us-east", dns.TypeA, dns.RcodeServerFailure, ""},
		{"staged empty answer", Shop, "eu-west", dns.TypeA, dns.RcodeSuccess, "shop.example."},
		{"empty elsewhere only", Shop, "us-east", dns.TypeA, dns.RcodeSuccess, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := ask(t, w, tt.region, tt.host, tt.kind, "udp")
			soa := ""
			if len(r.Ns) > 0 {
				soa = r.Ns[0].Header().Name
			}
			if r.Rcode != tt.rcode || soa != tt.soa {
				t.Errorf("got %s and zone %q, want %s and %q", dns.RcodeToString[r.Rcode], soa, dns.RcodeToString[tt.rcode], tt.soa)
			}
		})
	}
}

func TestAListenGoesFromFeedToCDN(t *testing.T) {
	w := open(t)
	c := client(t, w, "eu-west", nil)
	var via []string
	c.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		via = append(via, r.URL.Hostname())
		return nil
	}
	resp, body := fetch(t, c, w.URL(CastleFeeds, CastlePath))
	if resp.ProtoMajor != 2 {
		t.Errorf("got %s, want HTTP/2", resp.Proto)
	}
	var feed struct {
		Items []struct {
			Enclosure struct {
				URL    string `xml:"url,attr"`
				Length int64  `xml:"length,attr"`
			} `xml:"enclosure"`
		} `xml:"channel>item"`
	}
	if err := xml.Unmarshal(body, &feed); err != nil {
		t.Fatal(err)
	}
	if len(feed.Items) != 3 || feed.Items[0].Enclosure.URL != w.Enclosure() {
		t.Fatalf("got items %v, want 3, the newest with %s", feed.Items, w.Enclosure())
	}
	resp, audio := fetch(t, c, w.Enclosure(), "Range", "bytes=65536-131071")
	if want := []string{AdInsertion, CastleCDN}; !slices.Equal(via, want) {
		t.Errorf("got redirects to %v, want %v", via, want)
	}
	if resp.StatusCode != http.StatusPartialContent || len(audio) != 65536 || resp.Header.Get("Content-Type") != "audio/mpeg" {
		t.Errorf("got %s with %d bytes of %s", resp.Status, len(audio), resp.Header.Get("Content-Type"))
	}
	_, whole := fetch(t, c, w.Enclosure())
	if int64(len(whole)) != feed.Items[0].Enclosure.Length || string(whole[65536:131072]) != string(audio) {
		t.Errorf("got %d bytes, want %d with the range in them", len(whole), feed.Items[0].Enclosure.Length)
	}
}

func TestServesHTTP1Too(t *testing.T) {
	w := open(t)
	c := client(t, w, "us-east", nil)
	onlyHTTP1(c)
	if resp, _ := fetch(t, c, w.URL(HarbourFeeds, HarbourPath)); resp.ProtoMajor != 1 {
		t.Errorf("got %s, want HTTP/1.1", resp.Proto)
	}
}

func TestThePageHasItsAssets(t *testing.T) {
	w := open(t)
	c := client(t, w, "us-east", nil)
	_, page := fetch(t, c, w.URL(Shop, "/"))
	n := 0
	for _, part := range strings.Split(string(page), `"`) {
		if !strings.HasPrefix(part, "https://") || strings.Contains(part, " ") {
			continue
		}
		n++
		resp, body := fetch(t, c, part)
		if resp.StatusCode != http.StatusOK || len(body) == 0 {
			t.Errorf("%s: %s, %d bytes", part, resp.Status, len(body))
		}
		if strings.HasSuffix(part, ".png") {
			if _, err := png.Decode(strings.NewReader(string(body))); err != nil {
				t.Errorf("%s: %v", part, err)
			}
		}
	}
	if n != 8 {
		t.Errorf("got %d assets, want 8", n)
	}
}

func TestACertificateExpiresAtItsSecondWhereStaged(t *testing.T) {
	w := open(t)
	at := time.Now().Add(time.Hour).Truncate(time.Second)
	if err := w.ExpireCertificate(CastleCDN, []string{"us-east", "eu-west"}, at); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, region, host string
		clock              time.Time
		expired            bool
	}{
		{"before", "us-east", CastleCDN, at.Add(-time.Second), false},
		{"in that second", "us-east", CastleCDN, at, false},
		{"after", "us-east", CastleCDN, at.Add(time.Nanosecond), true},
		{"after, the other region", "eu-west", CastleCDN, at.Add(time.Nanosecond), true},
		{"after, a region spared", "ap-south", CastleCDN, at.Add(time.Minute), false},
		{"after, another host", "us-east", HarbourMedia, at.Add(time.Minute), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := client(t, w, tt.region, func() time.Time { return tt.clock })
			resp, err := c.Head(w.URL(tt.host, "/"))
			if err == nil {
				resp.Body.Close()
			}
			invalid, ok := errors.AsType[x509.CertificateInvalidError](err)
			if expired := ok && invalid.Reason == x509.Expired; expired != tt.expired || (err != nil) != tt.expired {
				t.Errorf("got %v, want expired: %t", err, tt.expired)
			}
		})
	}
}

func TestStatusAndReset(t *testing.T) {
	w := open(t)
	now := time.Now()
	for _, f := range []Fault{
		{Kind: HTTPStatus, Hosts: []string{ShopAssets}, Value: 503},
		{Kind: HTTPStatus, Hosts: []string{Shop}, Value: 503, At: -time.Hour, For: time.Hour},
		{Kind: HTTPStatus, Hosts: []string{HarbourFeeds}, Value: 503, At: time.Hour},
		{Kind: HTTPStatus, Hosts: []string{AdInsertion}, Value: 503, At: -time.Hour, On: time.Minute, Off: time.Hour},
		{Kind: HTTPStatus, Hosts: []string{Prefix}, Value: 503, At: -time.Hour, On: time.Minute, Off: time.Minute},
		{Kind: HTTPReset, Hosts: []string{HarbourMedia}},
	} {
		if err := w.Inject(f, now); err != nil {
			t.Fatal(err)
		}
	}
	c := client(t, w, "us-east", nil)
	for host, want := range map[string]int{ShopAssets: 503, Shop: 200, HarbourFeeds: 404, AdInsertion: 404, Prefix: 503} {
		if resp, _ := fetch(t, c, w.URL(host, "/")); resp.StatusCode != want {
			t.Errorf("%s: got %s, want %d", host, resp.Status, want)
		}
	}
	c = client(t, w, "us-east", nil)
	onlyHTTP1(c) // net/http tells an EOF from a reset in HTTP/1.1 only
	resp, err := c.Get(w.URL(HarbourMedia, "/talk/1.mp3"))
	if err == nil {
		resp.Body.Close()
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v, want a reset", err)
	}
}

func TestInjectRefusesWhatItDoesNotKnow(t *testing.T) {
	w := open(t)
	for want, f := range map[string]Fault{
		"host":   {Kind: HTTPReset, Hosts: []string{"nowhere.example"}},
		"region": {Kind: HTTPReset, Hosts: []string{Shop}, Regions: []string{"mars"}},
		"value":  {Kind: HTTPStatus, Hosts: []string{Shop}},
		"kind":   {Kind: "fire", Hosts: []string{Shop}},
		"place":  {Kind: HTTPReset, CDN: "nobody"},
		"one of": {Kind: HTTPReset, CDN: "fastly", Hosts: []string{CastleCDN}},
		"on and": {Kind: HTTPReset, On: time.Second},
	} {
		if err := w.Inject(f, time.Now()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error that names the %s", err, want)
		}
	}
}

func TestAudioIsFramesOfOneSize(t *testing.T) {
	audio := mp3("The tower", 8, time.Second)
	start := strings.Index(string(audio), "\xff\xfb")
	frames := audio[start:]
	if len(frames)%frameBytes != 0 || len(frames) < frameBytes {
		t.Fatalf("got %d bytes of frames, want a multiple of %d", len(frames), frameBytes)
	}
	for f := range slices.Chunk(frames, frameBytes) {
		if string(f[:4]) != "\xff\xfb\x54\xc4" {
			t.Fatalf("got header %x", f[:4])
		}
	}
}
