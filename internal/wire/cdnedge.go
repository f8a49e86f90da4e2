package wire

import (
	"net/http"
	"strings"
)

// either tells the edge by the first of these headers that is there.
func either(keys ...string) func(http.Header) string {
	return func(h http.Header) string {
		for _, key := range keys {
			if v := h.Get(key); v != "" {
				return v
			}
		}
		return ""
	}
}

// after tells the edge by what stands after the last separator, as in CF-Ray:
// 8a5b0c1d2e3f4a5b-FRA.
func after(key, separator string) func(http.Header) string {
	return func(h http.Header) string {
		v := h.Get(key)
		i := strings.LastIndex(v, separator)
		if i < 0 {
			return ""
		}
		return v[i+len(separator):]
	}
}

// before tells the edge by what stands before the first separator.
func before(key, separator string) func(http.Header) string {
	return func(h http.Header) string {
		edge, _, _ := strings.Cut(h.Get(key), separator)
		return edge
	}
}

// last is the last member of a list: who answered us wrote it.
func last(list string) string {
	return strings.TrimSpace(list[strings.LastIndexByte(list, ',')+1:])
}

// fastlyEdge reads X-Served-By: cache-lga21984-LGA, cache-fra-etou8220021-FRA,
// of which the last is the edge and those before are shields.
func fastlyEdge(h http.Header) string {
	name, ok := strings.CutPrefix(last(joined(h, "X-Served-By")), "cache-")
	if !ok {
		return ""
	}
	if i := strings.LastIndexByte(name, '-'); i >= 0 && len(name)-i == 4 {
		return strings.ToUpper(name[i+1:])
	}
	return strings.ToUpper(name[:min(len(name), 3)])
}

// bunnyEdge reads Server: BunnyCDN-DE1-853.
func bunnyEdge(h http.Header) string {
	_, rest, _ := strings.Cut(h.Get("Server"), "-")
	edge, _, _ := strings.Cut(rest, "-")
	return edge
}

// edgecastEdge reads Server: ECAcc (fra/D12A).
func edgecastEdge(h http.Header) string {
	_, rest, _ := strings.Cut(h.Get("Server"), "(")
	edge, _, ok := strings.Cut(rest, "/")
	if !ok {
		return ""
	}
	return strings.ToUpper(edge)
}

// azureEdge reads X-MSEdge-Ref: Ref A: … Ref B: FRA231050413037 Ref C: ….
func azureEdge(h http.Header) string {
	_, rest, _ := strings.Cut(h.Get("X-Msedge-Ref"), "Ref B: ")
	if len(rest) < 3 {
		return ""
	}
	return rest[:3]
}

// akamaiEdge reads X-Cache: TCP_HIT from a23-45-67-89.deploy.akamaitechnologies.com
// (AkamaiGHost/…).
func akamaiEdge(h http.Header) string {
	_, rest, _ := strings.Cut(joined(h, "X-Cache"), " from ")
	edge, _, _ := strings.Cut(rest, " ")
	edge, _, _ = strings.Cut(edge, ".")
	return edge
}

// stackpathEdge reads X-HW: 1582559438.dop009.fr8.t,1582559438.cds064.fr8.c.
func stackpathEdge(h http.Header) string {
	first, _, _ := strings.Cut(h.Get("X-Hw"), ",")
	labels := strings.Split(first, ".")
	if len(labels) < 3 {
		return ""
	}
	return labels[2]
}

// edgeName is text where it may be an edge's name, "" where not: one word of
// letters, digits and - _ . / , as strangers write it.
func edgeName(text string) string {
	text = strings.TrimSpace(text)
	if len(text) > 64 {
		return ""
	}
	for _, r := range text {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', strings.ContainsRune("-_./, ", r):
		default:
			return ""
		}
	}
	return text
}
