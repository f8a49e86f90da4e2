package wire

import (
	"net/http"
	"strings"
)

// The verdicts of caches, as sonde.cdn.cache tells.
const (
	hit         = "hit"         // from the cache
	miss        = "miss"        // from the origin: it was not in the cache
	expired     = "expired"     // from the origin: what was in the cache was too old
	stale       = "stale"       // from the cache, too old, since the origin failed or is being asked
	revalidated = "revalidated" // from the cache, after the origin said that it is current
	bypass      = "bypass"      // from the origin: the cache is told to keep out
	dynamic     = "dynamic"     // never cached, or made at the edge
)

// verdicts are the words of the caches, in lower case: nginx's and
// Cloudflare's, Squid's as Akamai and Azure have them, CloudFront's, Fastly's,
// Vercel's.
var verdicts = map[string]string{
	"hit": hit, "tcp_hit": hit, "tcp_mem_hit": hit, "tcp_ims_hit": hit, "tcp_negative_hit": hit, "tcp_remote_hit": hit,
	"tcp_inmemory_hit": hit, "originshieldhit": hit, "prerender": hit, "cached": hit,
	"miss": miss, "tcp_miss": miss, "cluster_miss": miss, "tcp_swapfail_miss": miss,
	"expired": expired, "tcp_refresh_miss": expired, "tcp_expired_miss": expired, "tcp_refresh_modified": expired,
	"stale": stale, "updating": stale, "tcp_refresh_fail_hit": stale, "tcp_stale_hit": stale,
	"revalidated": revalidated, "refreshhit": revalidated, "tcp_refresh_hit": revalidated, "tcp_refresh_unmodified": revalidated,
	"bypass": bypass, "pass": bypass, "hitpass": bypass, "uncacheable": bypass, "private_nostore": bypass, "config_nocache": bypass,
	"tcp_client_refresh_miss": bypass,
	"dynamic":                 dynamic, "none": dynamic, "none/unknown": dynamic, "synth": dynamic,
	"lambdageneratedresponse": dynamic, "functiongeneratedresponse": dynamic, "redirect": dynamic,
}

// verdictKeys are the headers that hold a verdict, the ones that only one CDN
// writes before those that all do.
var verdictKeys = []string{
	"Cf-Cache-Status", "Cdn-Cache", "X-77-Cache", "X-Vercel-Cache", "Akamai-Cache-Status", "Cdn-Cache-Status", "X-Cache", "X-Cache-Status", "X-Proxy-Cache", "Cache",
}

// cacheVerdict is what the cache nearest to us says of the answer, "" where
// none says anything known.
func cacheVerdict(h http.Header) string {
	for _, key := range verdictKeys {
		if len(h[key]) == 0 {
			continue
		}
		if v := verdict(last(joined(h, key))); v != "" {
			return v
		}
	}
	if v := statusVerdict(joined(h, "Cache-Status")); v != "" {
		return v
	}
	if v := timingVerdict(joined(h, "Server-Timing")); v != "" {
		return v
	}
	return varnishVerdict(h.Get("X-Varnish"))
}

// verdict reads one cache's word, as in "TCP_HIT from a23-45-67-89 (…)",
// "Hit from cloudfront" or "MISS-CLUSTER".
func verdict(text string) string {
	word := strings.ToLower(text)
	if i := strings.IndexAny(word, " \t;("); i >= 0 {
		word = word[:i]
	}
	if v := verdicts[word]; v != "" {
		return v
	}
	word, _, _ = strings.Cut(word, "-")
	return verdicts[word]
}

// statusVerdict reads the last cache of Cache-Status (RFC 9211), as in
// "Origin Cache"; hit, "Edge"; fwd=stale; fwd-status=304.
func statusVerdict(list string) string {
	fields := strings.Split(last(list), ";")
	var found string
	for _, field := range fields[1:] {
		switch strings.ToLower(strings.ReplaceAll(field, " ", "")) {
		case "hit":
			found = hit
		case "fwd=miss", "fwd=uri-miss", "fwd=vary-miss", "fwd=partial", "fwd=request":
			found = miss
		case "fwd=stale":
			found = expired
		case "fwd=bypass", "fwd=method":
			found = bypass
		case "fwd-status=304":
			if found == expired {
				found = revalidated
			}
		}
	}
	return found
}

// timingVerdict reads Server-Timing: cdn-cache; desc=HIT, edge; dur=1, as
// Akamai has it.
func timingVerdict(list string) string {
	for metric := range strings.SplitSeq(list, ",") {
		name, rest, _ := strings.Cut(metric, ";")
		if strings.TrimSpace(name) != "cdn-cache" {
			continue
		}
		_, desc, _ := strings.Cut(rest, "desc=")
		return verdict(strings.Trim(desc, `" `))
	}
	return ""
}

// varnishVerdict reads X-Varnish: the number of the request, and of the one
// that filled the cache where it was one.
func varnishVerdict(text string) string {
	switch len(strings.Fields(text[:min(len(text), maxJoined)])) {
	case 1:
		return miss
	case 2:
		return hit
	}
	return ""
}
