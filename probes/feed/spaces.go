package feed

import (
	"encoding/xml"
	"strings"
)

// spaces are the namespaces that open elements declare, by prefix, the
// innermost last (Namespaces in XML 1.0).
type spaces map[string][]string

// declare takes what an element with attrs declares, and returns the prefixes.
func (m spaces) declare(attrs []xml.Attr) (prefixes []string) {
	for _, a := range attrs {
		if !declares(a.Name) {
			continue
		}
		prefix := a.Name.Local
		if a.Name.Space == "" {
			prefix = ""
		}
		m[prefix] = append(m[prefix], a.Value)
		prefixes = append(prefixes, prefix)
	}
	return prefixes
}

// declares reports whether an attribute declares a namespace.
func declares(n xml.Name) bool {
	return n.Space == "xmlns" || n.Space == "" && n.Local == "xmlns"
}

// forget ends what an element has declared.
func (m spaces) forget(prefixes []string) {
	for _, p := range prefixes {
		if m[p] = m[p][:len(m[p])-1]; len(m[p]) == 0 {
			delete(m, p)
		}
	}
}

// of is the namespace of a prefix, and whether there is one. A prefix that
// isn't declared stands for itself.
func (m spaces) of(prefix string) (space string, ok bool) {
	if all := m[prefix]; len(all) > 0 {
		return all[len(all)-1], true
	}
	return prefix, prefix == "" || prefix == "xml" || prefix == "xmlns"
}

// namespaces are those whose elements are read besides a feed's own, by their
// names in lower case or by the prefix of one that isn't declared.
var namespaces = map[string]string{
	"http://www.itunes.com/dtds/podcast-1.0.dtd": "itunes:", "https://www.itunes.com/dtds/podcast-1.0.dtd": "itunes:",
	"http://example.com/dtds/podcast-1.0.dtd": "itunes:", "itunes": "itunes:",
	"https://podcastindex.org/namespace/1.0": "podcast:", "podcast": "podcast:",
	"https://github.com/podcastindex-org/podcast-namespace/blob/main/docs/1.0.md": "podcast:",
	"http://purl.org/dc/elements/1.1/":                                            "dc:", "http://purl.org/dc/terms/": "dc:", "dc": "dc:", "dcterms": "dc:",
	"http://www.w3.org/2005/atom": "atom:", "http://purl.org/atom/ns#": "atom:", "atom": "atom:",
	"http://search.yahoo.com/mrss/": "media:", "http://search.yahoo.com/mrss": "media:", "media": "media:",
	"": "", "http://purl.org/rss/1.0/": "", "http://www.w3.org/1999/02/22-rdf-syntax-ns#": "",
	"http://channel.netscape.com/rdf/simple/0.9/": "", "http://my.netscape.com/rdf/simple/0.9/": "",
	"http://backend.userland.com/rss2": "",
}

// word is an element's name in lower case, with the prefix that its namespace
// has by custom, in a feed whose root has another.
func word(n xml.Name, root string) string {
	local := strings.ToLower(n.Local)
	if n.Space == root {
		return local
	}
	if prefix, known := namespaces[lower(n.Space)]; known {
		return prefix + local
	}
	return "other:" // nobody asks for it
}

func lower(space string) string { return strings.ToLower(strings.TrimSpace(space)) }
