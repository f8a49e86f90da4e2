package wire

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/sonde-media/sonde/probes"
)

// A cdn is told by response headers. The first of the table that fits is
// taken: the ones above overwrite what those below leave behind, as Cloudflare
// does with Server before an origin that is a CDN itself.
type cdn struct {
	name  string
	marks []mark
	edge  func(http.Header) string // where it answers from; may be nil
}

// A mark is a header that holds a text, in any case; "" stands for any value.
type mark struct{ key, has string }

// cdns follow the CDNs' own documents: Fastly's reference of HTTP headers,
// bunny.net's of its Server header, CDN77's and KeyCDN's of the headers they
// add, Akamai's of its Pragma headers, Azure's of its debug headers, Vercel's of
// its response headers; and what their servers are seen to send.
var cdns = []cdn{
	{"cloudflare", []mark{{"Server", "cloudflare"}, {"Cf-Ray", "-"}, {"Cf-Cache-Status", ""}}, after("Cf-Ray", "-")},
	{"bunny", []mark{{"Server", "BunnyCDN"}, {"Cdn-Pullzone", ""}}, bunnyEdge},
	{"cdn77", []mark{{"X-77-Pop", ""}, {"X-77-Nzt", ""}, {"X-77-Cache", ""}, {"Server", "CDN77"}}, either("X-77-Pop", "X-Edge-Location")},
	{"keycdn", []mark{{"Server", "keycdn"}}, either("X-Edge-Location")},
	{"edgio", []mark{{"Server", "ECAcc ("}, {"Server", "ECS ("}, {"Server", "ECD ("}, {"Server", "EdgePrism"}, {"X-Llid", ""}}, edgecastEdge},
	{"cloudfront", []mark{{"X-Amz-Cf-Pop", ""}, {"X-Amz-Cf-Id", ""}, {"Via", "(CloudFront)"}, {"Server", "CloudFront"}}, either("X-Amz-Cf-Pop")},
	{"vercel", []mark{{"X-Vercel-Id", ""}, {"X-Vercel-Cache", ""}, {"Server", "Vercel"}}, before("X-Vercel-Id", ":")},
	{"netlify", []mark{{"X-Nf-Request-Id", ""}, {"Server", "Netlify"}}, nil},
	{"fastly", []mark{{"X-Served-By", "cache-"}, {"X-Timer", "VS0"}, {"X-Fastly-Request-Id", ""}, {"Fastly-Debug-Path", ""}}, fastlyEdge},
	{"azure", []mark{{"X-Azure-Ref", ""}, {"X-Msedge-Ref", ""}}, azureEdge},
	{"akamai", []mark{
		{"Server", "Akamai"},
		{"X-Cache", "akamai"},
		{"X-Check-Cacheable", ""},
		{"X-Akamai-Request-Id", ""},
		{"X-Akamai-Transformed", ""},
		{"X-Akamai-Edgescape", ""},
		{"X-Akamai-Staging", ""},
		{"Akamai-Cache-Status", ""},
		{"Akamai-Grn", ""},
		{"Server-Timing", "ak_p"},
	}, akamaiEdge},
	{"imperva", []mark{{"X-Iinfo", ""}, {"X-Cdn", "Imperva"}, {"X-Cdn", "Incapsula"}}, nil},
	{"stackpath", []mark{{"X-Hw", ".dop"}, {"X-Hw", ".cds"}}, stackpathEdge},
	{"gcore", []mark{{"X-Id", "-gc"}, {"Server", "gcore"}}, before("X-Id", "-")},
	{"ovh", []mark{{"X-Cdn-Pop", ""}}, either("X-Cdn-Pop")},
	{"alibaba", []mark{{"Eagleid", ""}, {"X-Swift-Savetime", ""}}, nil},
	{"tencent", []mark{{"X-Nws-Log-Uuid", ""}}, nil},
	{"cachefly", []mark{{"X-Cf-Reqid", ""}, {"X-Cf-Tsc", ""}}, nil},
	{"fly", []mark{{"Fly-Request-Id", ""}, {"Server", "Fly/"}}, after("Fly-Request-Id", "-")},
	{"sucuri", []mark{{"X-Sucuri-Id", ""}}, nil},
	{"google", []mark{{"Via", " google"}}, nil},
	{"cdn77", []mark{{"X-Edge-Ip", ""}}, either("X-Edge-Location")}, // its headers of old, after those who pass them on
	{varnish, []mark{{"Via", "varnish"}, {"X-Varnish", ""}}, nil},
	{nginx, []mark{{"X-Cache-Status", ""}, {"X-Proxy-Cache", ""}}, nil},
}

// Caches that stand before an origin as its own; what they serve is no CDN's.
const (
	varnish = "varnish"
	nginx   = "nginx"
)

// isCDN reports whether name is a CDN's rather than a cache's of the origin.
func isCDN(name string) bool { return name != "" && name != varnish && name != nginx }

// noteCDN notes on hop what the headers of an answer tell of the way it took.
func noteCDN(hop *probes.Step, h http.Header) {
	if c := cdnOf(h); c != nil {
		hop.Set(probes.AttrCDNName, c.name)
		if c.edge != nil {
			hop.Set(probes.AttrCDNEdge, edgeName(c.edge(h)))
		}
	}
	hop.Set(probes.AttrCDNCache, cacheVerdict(h))
	if age, ok := cacheAge(h); ok {
		hop.Set(probes.AttrCDNAge, age)
	}
}

func cdnOf(h http.Header) *cdn {
	for i := range cdns {
		for _, m := range cdns[i].marks {
			if m.in(h) {
				return &cdns[i]
			}
		}
	}
	return nil
}

func (m mark) in(h http.Header) bool {
	values := h[m.key]
	if m.has == "" {
		return len(values) > 0 && values[0] != ""
	}
	return len(values) > 0 && containsFold(joined(h, m.key), m.has)
}

func containsFold(text, part string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(part))
}

// maxJoined bounds what is read of one header.
const maxJoined = 1 << 10

// joined is a header's values as one list. Who answers last adds to the end,
// so of long ones the end is kept.
func joined(h http.Header, key string) string {
	values := h[key]
	if len(values) == 1 && len(values[0]) <= maxJoined {
		return values[0]
	}
	text := strings.Join(values[max(0, len(values)-16):], ", ")
	return text[max(0, len(text)-maxJoined):]
}

// cacheAge is how many seconds ago the answer was made, by Age (RFC 9111 §5.1)
// or CDN77's headers.
func cacheAge(h http.Header) (seconds int, ok bool) {
	for _, key := range []string{"Age", "X-77-Age", "X-Age"} {
		text := h.Get(key)
		if len(text) > 9 || !digits(text) { // thirty years are enough
			continue
		}
		n, err := strconv.Atoi(text)
		return n, err == nil
	}
	return 0, false
}
