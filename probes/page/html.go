package page

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// A reader takes from a parsed document what it makes a browser fetch.
type reader struct {
	doc    *document
	base   *url.URL
	icon   bool            // one has been seen
	room   int             // bytes left for URLs
	linked map[string]bool // URLs of links that were seen, and of the page itself
	inHead bool
}

// read reads the document whose root is top into r.doc.
func (r *reader) read(top *html.Node) {
	for n := range top.Descendants() {
		if n.Type == html.ElementNode {
			r.prepare(n)
		}
	}
	r.walk(top)
}

// prepare notes what must be known before the first reference.
func (r *reader) prepare(n *html.Node) {
	switch {
	case n.DataAtom == atom.Base && r.base == r.doc.url:
		u, err := r.doc.url.Parse(strings.TrimSpace(attr(n, "href")))
		if err == nil && (u.Scheme == "http" || u.Scheme == "https") && has(n, "href") && len(u.String()) <= maxURL {
			r.base = u
		}
	case n.DataAtom == atom.Meta && strings.EqualFold(attr(n, "http-equiv"), "content-security-policy"):
		r.doc.policy.upgradeAll = r.doc.policy.upgradeAll || upgrades(attr(n, "content"))
	case n.DataAtom == atom.Title && r.doc.title == "" && n.Namespace == "":
		r.doc.title = bounded(strings.Join(strings.Fields(text(n)), " "), maxTitle)
	}
}

func (r *reader) walk(n *html.Node) {
	if n.Type == html.ElementNode {
		if n.DataAtom == atom.Template || n.DataAtom == atom.Noscript {
			return
		}
		if n.DataAtom == atom.Head {
			r.inHead = true
			defer func() { r.inHead = false }()
		}
		r.element(n)
	}
	for c := range n.ChildNodes() {
		r.walk(c)
	}
}

// element adds what n refers to.
func (r *reader) element(n *html.Node) {
	switch n.DataAtom {
	case atom.A:
		r.navigation(n)
	case atom.Link:
		r.link(n)
	case atom.Script:
		r.script(n)
	case atom.Style:
		r.style(n)
	case atom.Img:
		r.img(n)
	case atom.Video, atom.Audio:
		r.player(n)
	case atom.Iframe, atom.Frame:
		if !isLazy(n) && !has(n, "srcdoc") {
			r.add(ref{role: frame}, attr(n, "src"))
		}
	case atom.Object:
		r.plugin(n, "data")
	case atom.Embed:
		r.plugin(n, "src")
	case atom.Input:
		if strings.EqualFold(attr(n, "type"), "image") {
			r.add(ref{role: image}, attr(n, "src"))
		}
	case atom.Body, atom.Table, atom.Thead, atom.Tbody, atom.Tfoot, atom.Tr, atom.Td, atom.Th:
		r.add(ref{role: image}, attr(n, "background"))
	}
	if n.Namespace == "svg" && (n.Data == "use" || n.Data == "image") {
		r.add(ref{role: image}, cmp.Or(attr(n, "href"), attr(n, "xlink:href")))
	}
	if style := attr(n, "style"); strings.Contains(style, ":") && !r.doc.words.hidden[n] {
		r.take(readStyle(style, r.doc.screen), false)
	}
}

func (r *reader) link(n *html.Node) {
	rel := strings.Fields(strings.ToLower(attr(n, "rel")))
	href := attr(n, "href")
	switch is := func(word string) bool { return slices.Contains(rel, word) }; {
	case is("stylesheet"):
		if is("alternate") || has(n, "disabled") || !isType(n, "text/css") {
			return
		}
		applies := r.doc.screen.matches(attr(n, "media"))
		r.add(ref{role: stylesheet, applies: applies, blocking: applies && r.inHead, promised: promise(n), mode: modeOf(n)}, href)
	case is("preload"):
		r.preload(n)
	case is("modulepreload"):
		r.add(ref{role: script, preload: true, promised: promise(n), mode: max(modeOf(n), anonymous)}, href)
	case is("icon") && !r.icon:
		r.icon = true
		r.add(ref{role: icon}, href)
	}
}

// preloads maps the attribute "as" to what is preloaded.
var preloads = map[string]role{
	"style": stylesheet, "script": script, "font": font, "image": image, "fetch": fetched, "track": track,
}

func (r *reader) preload(n *html.Node) {
	as := preloads[strings.ToLower(attr(n, "as"))]
	if as == "" || !r.doc.screen.matches(attr(n, "media")) || !typeRead(attr(n, "type")) {
		return
	}
	if set := attr(n, "imagesrcset"); as == image && set != "" {
		r.add(ref{role: image, preload: true, mode: modeOf(n)}, r.doc.screen.choose(set, attr(n, "imagesizes"), attr(n, "href")))
		return
	}
	r.add(ref{role: as, preload: true, promised: promise(n), mode: modeOf(n)}, attr(n, "href"))
}

func (r *reader) script(n *html.Node) {
	kind := scriptKind(n)
	if kind == "" || kind == "classic" && has(n, "nomodule") {
		return
	}
	deferred := kind == "module" || has(n, "async") || has(n, "defer")
	asks := slices.Contains(strings.Fields(strings.ToLower(attr(n, "blocking"))), "render")
	src := cmp.Or(attr(n, "src"), attr(n, "href"), attr(n, "xlink:href")) // the latter two in SVG
	f := ref{role: script, blocking: r.inHead && (!deferred || asks), promised: promise(n), mode: modeOf(n)}
	if kind == "module" {
		f.mode = max(f.mode, anonymous)
	}
	r.add(f, src)
}

// scriptKind is classic, module, or "" for what browsers don't run.
func scriptKind(n *html.Node) string {
	kind := strings.ToLower(strings.TrimSpace(attr(n, "type")))
	if !has(n, "type") && attr(n, "language") != "" {
		kind = "text/" + strings.ToLower(attr(n, "language"))
	}
	switch kind {
	case "module":
		return "module"
	case "", "text/javascript", "application/javascript", "text/ecmascript", "application/ecmascript",
		"application/x-javascript", "application/x-ecmascript", "text/x-javascript", "text/x-ecmascript",
		"text/jscript", "text/livescript", "text/javascript1.0", "text/javascript1.1", "text/javascript1.2",
		"text/javascript1.3", "text/javascript1.4", "text/javascript1.5":
		return "classic"
	}
	return ""
}

func (r *reader) style(n *html.Node) {
	if !isType(n, "text/css") || !r.doc.screen.matches(attr(n, "media")) {
		return
	}
	r.take(readSheet([]byte(text(n)), r.doc.words, r.doc.screen), r.inHead)
}

// take adds what a style of the document refers to.
func (r *reader) take(s sheet, blocking bool) {
	for _, i := range s.imports {
		r.add(ref{role: stylesheet, applies: i.applies, blocking: blocking && i.applies, imports: 1}, i.url)
	}
	for _, u := range s.images {
		r.add(ref{role: image}, u)
	}
	for _, f := range s.faces {
		if u := r.resolve(f.url, font, false); u != nil && len(r.doc.faces) < maxRefs {
			r.doc.faces = append(r.doc.faces, ref{url: u, from: r.doc.url, role: font, mode: anonymous, family: f.family, face: f.letter})
		}
	}
	r.doc.letters.merge(s.letters)
	if len(r.doc.families) < maxRefs {
		r.doc.families = append(r.doc.families, s.families...)
	}
}

func (r *reader) img(n *html.Node) {
	if isLazy(n) {
		return
	}
	set, sizes, src := attr(n, "srcset"), attr(n, "sizes"), attr(n, "src")
	if s := r.sourceOf(n); s != nil {
		set, sizes, src = attr(s, "srcset"), attr(s, "sizes"), ""
	}
	if set == "" {
		r.add(ref{role: image, mode: modeOf(n)}, src)
		return
	}
	r.addOneOfSet(modeOf(n), r.doc.screen.choose(set, sizes, src))
}

const maxSources = 100 // of one picture

// sourceOf returns the first source before n in its picture that fits.
func (r *reader) sourceOf(n *html.Node) *html.Node {
	if n.Parent == nil || n.Parent.DataAtom != atom.Picture {
		return nil
	}
	s := n.Parent.FirstChild
	for range maxSources {
		if s == nil || s == n {
			break
		}
		if s.DataAtom == atom.Source && attr(s, "srcset") != "" && r.doc.screen.matches(attr(s, "media")) && typeRead(attr(s, "type")) {
			return s
		}
		s = s.NextSibling
	}
	return nil
}

// player adds what a video or audio element loads before it is played.
func (r *reader) player(n *html.Node) {
	r.add(ref{role: image}, attr(n, "poster"))
	if strings.EqualFold(attr(n, "preload"), "none") && !has(n, "autoplay") {
		return
	}
	if has(n, "src") {
		r.add(ref{role: clip}, attr(n, "src"))
	}
	found := has(n, "src")
	for c := range n.ChildNodes() {
		switch {
		case c.DataAtom == atom.Source && !found && playable(attr(c, "type")) && r.doc.screen.matches(attr(c, "media")) && attr(c, "src") != "":
			found = true
			r.add(ref{role: clip}, attr(c, "src"))
		case c.DataAtom == atom.Track && has(c, "default"):
			r.add(ref{role: track}, attr(c, "src"))
		}
	}
}

// plugin adds the content of an object or embed, unless only a plugin that
// browsers no longer have could show it.
func (r *reader) plugin(n *html.Node, key string) {
	t := strings.ToLower(attr(n, "type"))
	u := attr(n, key)
	if strings.Contains(t, "flash") || strings.HasPrefix(t, "application/x-") || t == "" && strings.HasSuffix(strings.ToLower(u), ".swf") {
		return
	}
	r.add(ref{role: object}, u)
}

// add adds f with the URL raw, where a browser would fetch it.
func (r *reader) add(f ref, raw string) {
	r.addURL(f, r.resolve(raw, f.role, false))
}

func (r *reader) addOneOfSet(m mode, raw string) {
	r.addURL(ref{role: image, mode: m}, r.resolve(raw, image, true))
}

func (r *reader) addURL(f ref, u *url.URL) {
	if u == nil {
		return
	}
	if r.room -= len(u.String()); r.room < 0 || len(r.doc.refs) == maxRefs {
		r.room = -1 // nor is there for what follows
		return
	}
	f.url, f.from = u, r.doc.url
	f.blind = f.mode == unchecked && len(f.promised) > 0 && !f.preload
	r.doc.refs = append(r.doc.refs, f)
}

func (r *reader) resolve(raw string, as role, oneOfSet bool) *url.URL {
	if r.room < 0 {
		return nil
	}
	u := resolve(r.base, raw)
	if u == nil {
		return nil
	}
	admitted := r.doc.policy.admit(u, as, oneOfSet)
	if admitted == nil && len(r.doc.refused) < maxRefs {
		r.doc.refused = append(r.doc.refused, ref{role: as, url: u})
	}
	return admitted
}
