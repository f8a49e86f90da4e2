package drill

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
)

// cdnHeaders is how edges of CDNs name themselves, on errors too, as the real
// ones do.
var cdnHeaders = map[string]func(h http.Header, region string){
	"fastly": func(h http.Header, region string) {
		h.Set("X-Served-By", fmt.Sprintf("cache-%s%d-%s", strings.ToLower(pop(region)), 10000+rand.IntN(1000), pop(region)))
		h.Set("Via", "1.1 varnish")
		h.Set("X-Cache", "HIT")
	},
	"cloudflare": func(h http.Header, region string) {
		h.Set("Server", "cloudflare")
		h.Set("Cf-Ray", fmt.Sprintf("%016x-%s", rand.Uint64(), pop(region)))
		h.Set("Cf-Cache-Status", "HIT")
	},
	"akamai": func(h http.Header, region string) {
		h.Set("Server", "AkamaiGHost")
		h.Set("X-Cache", fmt.Sprintf("TCP_HIT from a%d.deploy.akamaitechnologies.com (AkamaiGHost/22.1)", rand.IntN(255)))
	},
	"cloudfront": func(h http.Header, region string) {
		h.Set("Via", "1.1 "+fmt.Sprintf("%016x", rand.Uint64())+".cloudfront.net (CloudFront)")
		h.Set("X-Amz-Cf-Pop", pop(region)+"50-P1")
		h.Set("X-Cache", "Hit from cloudfront")
	},
	"bunny": func(h http.Header, region string) {
		h.Set("Server", "BunnyCDN-"+pop(region)[:2]+"1-853")
		h.Set("Cdn-Cache", "HIT")
	},
}

// pop is what a CDN calls its place in a region: three letters.
func pop(region string) string {
	letters := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' {
			return c - 'a' + 'A'
		}
		return -1
	}, region)
	return (letters + "XXX")[:3]
}
