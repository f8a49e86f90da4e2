package wire

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/sonde-media/sonde/probes"
)

// headers reads lines of "Key: value".
func headers(text string) http.Header {
	h := http.Header{}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			h.Add(key, value)
		}
	}
	return h
}

// toldOfCDN is what a hop tells of a CDN, in one line.
func toldOfCDN(h http.Header) string {
	s := probes.NewStep("hop")
	noteCDN(s, h)
	var parts []string
	for _, key := range []string{probes.AttrCDNName, probes.AttrCDNEdge, probes.AttrCDNCache, probes.AttrCDNAge} {
		if v, ok := s.Attrs[key]; ok {
			parts = append(parts, fmt.Sprint(v))
		} else {
			parts = append(parts, "-")
		}
	}
	return strings.Join(parts, " ")
}

func TestCDN(t *testing.T) {
	for _, c := range []struct{ name, header, want string }{
		{"fastly with a shield", "Via: 1.1 varnish, 1.1 varnish\nX-Served-By: cache-lga21984-LGA, cache-fra-etou8220021-FRA\nX-Cache: HIT, MISS\nX-Cache-Hits: 3, 0\nX-Timer: S1700000000.123456,VS0,VE92\nAge: 120", "fastly FRA miss 120"},
		{"fastly, values in two lines", "X-Served-By: cache-lga21984-LGA\nX-Served-By: cache-fra-etou8220021-FRA\nX-Cache: MISS\nX-Cache: HIT", "fastly FRA hit -"},
		{"fastly, an edge named once", "X-Served-By: cache-ams21062\nX-Cache: HIT-STALE", "fastly AMS hit -"},
		{"cloudflare", "Server: cloudflare\nCF-RAY: 8a5b0c1d2e3f4a5b-FRA\nCF-Cache-Status: HIT\nAge: 4711", "cloudflare FRA hit 4711"},
		{"cloudflare, not cached", "Server: cloudflare\nCF-Ray: 8a5b0c1d2e3f4a5b-SIN\nCF-Cache-Status: DYNAMIC", "cloudflare SIN dynamic -"},
		{"cloudflare before fastly", "Server: cloudflare\nCF-Ray: 8a5b0c1d2e3f4a5b-LHR\nCF-Cache-Status: REVALIDATED\nX-Served-By: cache-lga21984-LGA\nX-Cache: MISS", "cloudflare LHR revalidated -"},
		{"cloudfront", "Server: AmazonS3\nX-Cache: Hit from cloudfront\nVia: 1.1 0123abcd.cloudfront.net (CloudFront)\nX-Amz-Cf-Pop: FRA56-P1\nX-Amz-Cf-Id: abc==\nAge: 86400", "cloudfront FRA56-P1 hit 86400"},
		{"cloudfront, refreshed", "X-Cache: RefreshHit from cloudfront\nX-Amz-Cf-Pop: MUC50-C1", "cloudfront MUC50-C1 revalidated -"},
		{"cloudfront, its own answer", "X-Cache: LambdaGeneratedResponse from cloudfront\nX-Amz-Cf-Pop: DUS51-P2", "cloudfront DUS51-P2 dynamic -"},
		{"cloudfront, an error", "X-Cache: Error from cloudfront\nX-Amz-Cf-Pop: DUS51-P2", "cloudfront DUS51-P2 - -"},
		{"akamai, debugged", "Server: Apache\nX-Cache: TCP_MEM_HIT from a23-45-67-89.deploy.akamaitechnologies.com (AkamaiGHost/11.6.2-5b4b8b8) (-)\nX-Check-Cacheable: YES", "akamai a23-45-67-89 hit -"},
		{"akamai, refreshed", "X-Cache: TCP_REFRESH_MISS from a165-254-246-9.deploy.akamaitechnologies.com (AkamaiGHost/9)", "akamai a165-254-246-9 expired -"},
		{"akamai, by timing", "Server-Timing: cdn-cache; desc=HIT\nServer-Timing: edge; dur=1\nServer-Timing: ak_p; desc=\"1700000000_1_2\";dur=1", "akamai - hit -"},
		{"bunny", "Server: BunnyCDN-DE1-1049\nCDN-PullZone: 12345\nCDN-Cache: HIT\nCDN-RequestCountryCode: DE", "bunny DE1 hit -"},
		{"keycdn", "Server: keycdn-engine\nX-Cache: HIT\nX-Edge-Location: defr", "keycdn defr hit -"},
		{"cdn77", "Server: CDN77-Turbo\nX-77-NZT: abc\nX-77-Cache: MISS\nX-77-POP: frankfurtDE\nX-77-Age: 33", "cdn77 frankfurtDE miss 33"},
		{"cdn77 of old", "X-Edge-IP: 192.0.2.1\nX-Edge-Location: Frankfurt, DE\nX-Cache: EXPIRED", "cdn77 Frankfurt, DE expired -"},
		{"azure front door", "X-Azure-Ref: 20240116T123456Z-u7c5qwvc8d0ux3y6y5hmwyb2dc\nX-Cache: TCP_REMOTE_HIT", "azure - hit -"},
		{"azure, by its older header", "X-MSEdge-Ref: Ref A: 0F3B Ref B: FRA231050413037 Ref C: 2024-01-16T12:34:56Z\nX-Cache: CONFIG_NOCACHE", "azure FRA bypass -"},
		{"google", "Via: 1.1 google\nX-GUploader-UploadID: abc\nServer: UploadServer\nAge: 7", "google - - 7"},
		{"edgecast", "Server: ECAcc (fra/D12A)\nX-Cache: HIT", "edgio FRA hit -"},
		{"vercel", "Server: Vercel\nX-Vercel-Id: fra1::iad1::abcde-1700000000000-0123\nX-Vercel-Cache: STALE", "vercel fra1 stale -"},
		{"netlify", "Server: Netlify\nX-NF-Request-ID: 01HM\nCache-Status: \"Netlify Durable\"; fwd=miss, \"Netlify Edge\"; hit", "netlify - hit -"},
		{"stackpath", "X-HW: 1582559438.dop009.fr8.t,1582559438.cds064.fr8.c\nX-Cache: HIT", "stackpath fr8 hit -"},
		{"imperva", "X-Iinfo: 11-123-456 NNNN\nX-CDN: Imperva", "imperva - - -"},
		{"gcore", "Server: nginx\nX-ID: fr5-hw-edge-gc12\nCache: HIT", "gcore fr5 hit -"},
		{"ovh", "X-CDN-Pop: rbx1\nX-CDN-Pop-IP: 192.0.2.0/27\nX-Cacheable: Matched cache", "ovh rbx1 - -"},
		{"alibaba", "Server: Tengine\nEagleId: 2ff6\nX-Cache: HIT TCP_MEM_HIT dirn:-2:-2\nVia: cache15.l2de2[0,0,200-0,H], cache3.de3[0,0,200-0,H]", "alibaba - hit -"},
		{"tencent", "X-NWS-LOG-UUID: 123\nX-Cache-Lookup: Hit From MemCache", "tencent - - -"},
		{"fly", "Server: Fly/0123\nFly-Request-Id: 01HM0123-fra", "fly fra - -"},
		{"varnish before an origin", "Via: 1.1 varnish (Varnish/7.4)\nX-Varnish: 32770 3\nAge: 5", "varnish - hit 5"},
		{"varnish that asked", "X-Varnish: 32770", "varnish - miss -"},
		{"nginx that caches", "Server: nginx\nX-Cache-Status: UPDATING", "nginx - stale -"},
		{"nginx alone is no CDN", "Server: nginx/1.24", "- - - -"},
		{"RFC 9211, revalidated", "Cache-Status: ExampleCache; fwd=stale; fwd-status=304; collapsed", "- - revalidated -"},
		{"words of nobody", "X-Cache: perhaps\nAge: -1\nServer: ?", "- - - -"},
		{"an age beyond bounds", "Age: 99999999999999999999\nX-Cache: HIT", "- - hit -"},
		{"an edge that is none", "Server: cloudflare\nCF-Ray: 1-<script>alert(1)</script>", "cloudflare - - -"},
		{"an endless edge", "X-Amz-Cf-Pop: " + strings.Repeat("x", 10_000), "cloudfront - - -"},
	} {
		if got := toldOfCDN(headers(c.header)); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// FuzzCDN feeds what servers may write into the headers that are read.
func FuzzCDN(f *testing.F) {
	f.Add("X-Served-By", "cache-lga21984-LGA, cache-fra", "X-Cache", "HIT, MISS")
	f.Add("Cache-Status", `"a;b"; hit, c; fwd=stale; fwd-status=304`, "Age", "12")
	f.Add("Server-Timing", "cdn-cache; desc=", "X-Msedge-Ref", "Ref B: FR")
	f.Add("Retry-After", "Fri, 31 Dec 1999 23:59:59 GMT", "Content-Encoding", "gzip,,x")
	known := map[string]bool{hit: true, miss: true, expired: true, stale: true, revalidated: true, bypass: true, dynamic: true}
	f.Fuzz(func(t *testing.T, key, value, other, more string) {
		h := http.Header{}
		h.Add(key, value)
		h.Add(other, more)
		s := probes.NewStep("hop")
		noteCDN(s, h)
		if edge := s.Text(probes.AttrCDNEdge); len(edge) > 64 {
			t.Errorf("an edge of %d bytes", len(edge))
		}
		if v, ok := s.Attrs[probes.AttrCDNCache]; ok && !known[v.(string)] {
			t.Errorf("verdict %v", v)
		}
		if s.Int(probes.AttrCDNAge) < 0 {
			t.Errorf("age %v", s.Attrs[probes.AttrCDNAge])
		}
		if wait, _ := retryAfter(h, askedAt); wait < 0 || wait > maxRetryAfter {
			t.Errorf("wait %v", wait)
		}
		codings(h)
		fromStart(h)
	})
}
