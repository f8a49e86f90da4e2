package page

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"

	"github.com/sonde-media/sonde/probes"
)

// acts are words in the path or query of a link that does something: a visitor
// that only looks follows none of them.
var acts = regexp.MustCompile(`(?i)(log|sign)[-_]?(out|off)|delete|remove|unsubscribe|add[-_]?to|checkout`)

// navigation adds a link to another page of the same site.
func (r *reader) navigation(n *html.Node) {
	if len(r.doc.links) == maxLinks || has(n, "download") {
		return
	}
	rel := strings.Fields(strings.ToLower(attr(n, "rel")))
	u := resolve(r.base, attr(n, "href"))
	if u == nil || r.linked[u.String()] || slices.Contains(rel, "nofollow") {
		return
	}
	r.linked[u.String()] = true
	if !sameSite(r.doc.url, u) || acts.MatchString(u.RequestURI()) {
		return
	}
	r.doc.links = append(r.doc.links, u)
}

// tryLinks asks for the first links of the document, once its assets are in,
// and notes which lead nowhere, one finding a host.
func (c *crawl) tryLinks(ctx context.Context) {
	var links []*asset
	for _, u := range c.doc.links[:min(len(c.doc.links), c.opt.Links)] {
		l := c.begin("link", ref{url: u, from: c.doc.url, role: navigation})
		l.step.Set(probes.AttrAssetRole, string(navigation))
		l.step.Optional()
		links = append(links, l)
	}
	c.waiting = slices.Clone(links)
	c.work(ctx, func() {})
	for _, t := range tallies(links) {
		if t.failed > 0 {
			detail := fmt.Sprintf("%d of %d links lead nowhere on %s: %s", t.failed, t.all, t.host, strings.Join(t.told, ", "))
			c.root.Find(probes.Note(probes.PageLink, t.host, detail))
		}
	}
}
