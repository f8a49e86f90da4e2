package page

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/charset"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
)

// A document is what a page's HTML comes to.
type document struct {
	url      *url.URL // after redirects
	size     int64
	title    string
	refs     []ref    // in page order
	faces    []ref    // of fonts that its style elements declare
	families []string // that its styles ask for
	letters  letters
	words    *words
	screen   screen
	policy   policy
	refused  []ref      // that browsers refuse to fetch, by plain http on a page by https
	links    []*url.URL // to pages of its own site, in page order, each once
	tree     *html.Node
	standard bool // surely not in quirks mode
}

// document fetches and reads the document. Where it is read and yet isn't what
// the target asserts, it comes with an error.
func (p *prober) document(ctx context.Context, n *wire.Net, root *probes.Step, t probes.Target) (doc *document, err error) {
	s := root.Begin("document")
	defer s.Done(&err)
	if u, err := url.Parse(t.URL); err == nil {
		s.Set(probes.AttrServerAddress, u.Hostname())
	}
	limit := min(maxDocument, int64(p.opt.MaxBytes))
	resp, err := n.Fetch(ctx, s, wire.Request{
		URL:         t.URL,
		Header:      http.Header{"Accept": {acceptHTML}},
		Keep:        limit,
		Limit:       limit,
		RecordQuery: t.RecordQuery,
	})
	if err != nil {
		return nil, err
	}
	s.Set(probes.AttrServerAddress, resp.URL.Hostname())
	if doc, err = parseDocument(s, resp, *p.opt); err != nil {
		return nil, err
	}
	return doc, p.assert(s, doc)
}

func parseDocument(parent *probes.Step, resp *wire.Response, o Options) (_ *document, err error) {
	s := parent.Begin("parse")
	defer s.Done(&err)
	declared := resp.Header.Get("Content-Type")
	s.Set(probes.AttrContentType, declared)
	if len(resp.Body) == 0 {
		return nil, probes.Fail(probes.BodyEmpty, fmt.Errorf("the document has no content"))
	}
	if found := bytesSay(resp.Body, declared); found != "text/html" {
		return nil, probes.Fail(probes.MediaType, fmt.Errorf("type says %s, bytes say %s, want HTML", cmp.Or(declared, "nothing"), found))
	}
	if declared != "" && !saysHTML(declared) {
		s.Find(probes.Note(probes.TypeMismatch, resp.URL.Hostname(), "type says "+declared+", bytes say text/html"))
	}
	body, whole := readable(resp.Body)
	if !whole {
		s.Find(probes.Note(probes.BodySize, resp.URL.Hostname(), fmt.Sprintf("more than %d tags and attributes; reading stopped there", maxTags)))
	}
	doc, err := readDocument(resp.URL, resp.Header, body, o.Viewport)
	if err != nil {
		return nil, err
	}
	doc.size = resp.Size
	s.Set(probes.AttrPageTitle, doc.title)
	doc.refused = slices.DeleteFunc(doc.refused, func(r ref) bool { return o.leaves(doc.url, r.url) })
	noteRefused(s, doc.refused)
	return doc, nil
}

const maxRefusedHosts = 20 // told of

// noteRefused says on s, host by host, what of the page no browser fetches:
// no step tells of it.
func noteRefused(s *probes.Step, refused []ref) {
	roles := map[string][]string{}
	for _, r := range refused {
		host := r.url.Hostname()
		if !slices.Contains(roles[host], string(r.role)) {
			roles[host] = append(roles[host], string(r.role))
		}
	}
	hosts := slices.Sorted(maps.Keys(roles))
	for _, host := range hosts[:min(len(hosts), maxRefusedHosts)] {
		detail := "asked for by plain http on a page by https, which browsers refuse: " + strings.Join(roles[host], ", ")
		s.Find(probes.Note(probes.PageAsset, host, detail))
	}
}

// readable is the begin of body that has at most maxTags tags and attributes: an
// element takes a hundred times the memory that its tag does. An attribute has
// a gap before it, or a value; of what stands in quotes or in scripts some is
// counted too.
func readable(body []byte) (begin []byte, whole bool) {
	count, inTag, named := 0, false, false
	for i, b := range body {
		switch {
		case b == '<':
			inTag, named = true, false
			count++
		case !inTag:
		case b == '>':
			inTag = false
		case isGap(b) && i+1 < len(body) && !isGap(body[i+1]):
			count++
			named = true
		case b == '=':
			if !named {
				count++
			}
			named = false
		}
		if count > maxTags {
			return body[:i], false
		}
	}
	return body, true
}

func isGap(c byte) bool {
	return c == '/' || c == ' ' || c == '\n' || c == '\t' || c == '\f' || c == '\r'
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

const byteOrderMark = "\ufeff"

// readDocument reads HTML that came from u with header h, for a screen.
func readDocument(u *url.URL, h http.Header, body []byte, v screen) (*document, error) {
	top, err := parseHTML(body, h.Get("Content-Type"))
	if err != nil {
		return nil, err
	}
	doc := &document{url: u, words: wordsOf(top), screen: v, tree: top, standard: isStandard(top)}
	doc.policy = policy{page: u, upgradeAll: upgrades(h.Values("Content-Security-Policy")...)}
	r := &reader{doc: doc, base: u, room: maxText, linked: map[string]bool{}}
	if self := resolve(u, u.String()); self != nil {
		r.linked[self.String()] = true
	}
	r.read(top)
	return doc, nil
}

// isStandard reports whether the document begins with the plain doctype, which
// keeps browsers out of quirks mode; older ones may too.
func isStandard(top *html.Node) bool {
	for n := range top.ChildNodes() {
		if n.Type == html.DoctypeNode {
			return n.Data == "html" && len(n.Attr) == 0
		}
	}
	return false
}

// parseHTML parses body, in the encoding that it or contentType says. The
// parser gives up on elements nested hundreds deep, which browsers cope with:
// these are then made shallow first.
func parseHTML(body []byte, contentType string) (*html.Node, error) {
	text, err := decoded(body, contentType)
	if err != nil {
		return nil, probes.Fail(probes.BodyOther, fmt.Errorf("decode: %w", err))
	}
	top, err := html.Parse(text)
	if err == nil {
		return top, nil
	}
	if text, err = decoded(body, contentType); err == nil {
		top, err = html.Parse(bytes.NewReader(shallow(text)))
	}
	if err != nil {
		return nil, probes.Fail(probes.GuardBudget, fmt.Errorf("parse: %w", err))
	}
	return top, nil
}

// decoded is body in UTF-8, without a byte order mark.
func decoded(body []byte, contentType string) (io.Reader, error) {
	r, err := charset.NewReader(bytes.NewReader(body), contentType)
	if err != nil {
		return nil, err
	}
	text := bufio.NewReader(r)
	if mark, _ := text.Peek(len(byteOrderMark)); string(mark) == byteOrderMark {
		text.Discard(len(mark)) // or it would be text, which ends the head
	}
	return text, nil
}

// bytesSay returns the media type of a document by its bytes. Text with a tag
// in it is HTML where it is declared so: few pages begin as the sniffing
// standard's examples do.
func bytesSay(body []byte, declared string) string {
	found, _, _ := mime.ParseMediaType(http.DetectContentType(body))
	if found == "text/html" || !strings.HasPrefix(found, "text/") {
		return found
	}
	if (saysHTML(declared) && hasTag(body)) || bytes.Contains(bytes.ToLower(head(body, 1024)), []byte("<html")) {
		return "text/html"
	}
	return found
}

func hasTag(body []byte) bool {
	b := head(body, 4096)
	for i := 0; i+1 < len(b); i++ {
		if c := b[i+1]; b[i] == '<' && (c == '!' || isLetter(c)) {
			return true
		}
	}
	return false
}

func saysHTML(contentType string) bool {
	t, _, _ := mime.ParseMediaType(contentType)
	return t == "text/html" || t == "application/xhtml+xml"
}

func head(b []byte, n int) []byte { return b[:min(n, len(b))] }

// isHTMLPage reports whether b begins like a whole HTML document, which
// neither a style sheet, a script, an image nor a font does.
func isHTMLPage(b []byte) bool {
	b = bytes.TrimLeft(bytes.TrimPrefix(head(b, 1024), []byte(byteOrderMark)), " \t\r\n\f")
	b = bytes.ToLower(b)
	for _, tag := range []string{"<!doctype html", "<html", "<head", "<body"} {
		if bytes.HasPrefix(b, []byte(tag)) {
			return true
		}
	}
	return false
}
