package page

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"

	"github.com/sonde-media/sonde/internal/media"
	"github.com/sonde-media/sonde/probes"
)

// promise is what n says that its resource must hash to: nothing, or one.
func promise(n *html.Node) []media.Integrity {
	text := attr(n, "integrity")
	if text == "" || len(text) > maxURL {
		return nil
	}
	if i, ok := media.ParseIntegrity(text); ok {
		return []media.Integrity{i}
	}
	return nil
}

const maxPromises = 4 // of one resource that several elements refer to

// sums returns what must be written all of an asset, nil where nothing is
// promised of it.
func (a *asset) sums() io.Writer {
	if len(a.promised) == 0 {
		return nil
	}
	var all []io.Writer
	for _, p := range a.promised {
		h := p.New()
		a.hashes = append(a.hashes, h)
		all = append(all, h)
	}
	return io.MultiWriter(all...)
}

// unfit says why what came can't be used by doc as what was asked for: doc may
// not have it, it isn't what doc promises, is an error page or a login answered
// with 200, or has a type that browsers go by.
func (a *asset) unfit(doc *document) error {
	err := a.barred(doc.url)
	if broken := a.broken(); err == nil && broken != nil {
		err = broken
		a.step.Find(probes.Note(probes.IntegrityMismatch, a.url.Hostname(), err.Error()))
	}
	if err = cmp.Or(err, a.other(), a.mistyped(doc.standard)); err == nil {
		return nil
	}
	code := probes.PageAsset
	if a.blocking {
		code = probes.PageBlocking
	}
	return probes.Fail(code, err)
}

// broken says how the bytes miss a promise. Browsers then use none of them
// (W3C, Subresource Integrity §3.3).
func (a *asset) broken() error {
	if !a.resp.Complete {
		return nil
	}
	for i, h := range a.hashes {
		if err := a.promised[i].Differs(h.Sum(nil)); err != nil {
			return fmt.Errorf("integrity: %w", err)
		}
	}
	return nil
}

// other says what came in place of what was asked for.
func (a *asset) other() error {
	declared := a.resp.Header.Get("Content-Type")
	is := ""
	switch html := isHTMLPage(a.resp.Body); a.role {
	case stylesheet:
		if html || saysHTML(declared) { // browsers go by the type
			is = "HTML"
		}
	case script:
		if html || saysHTML(declared) && a.resp.Header.Get("X-Content-Type-Options") == "nosniff" {
			is = "HTML"
		}
	case image, icon:
		is = noImage(a.resp.Body)
	case font:
		is = textual(a.resp.Body)
	}
	if is == "" {
		return nil
	}
	article := "a"
	if a.role == image || a.role == icon {
		article = "an"
	}
	return fmt.Errorf("%s in place of %s %s, type says %s", is, article, a.role, cmp.Or(declared, "nothing"))
}

// mistyped says by which type that its server declares browsers refuse a as
// what it was asked for: style sheets of a page in standards mode (HTML, 4.2.4),
// and style sheets and scripts that are not to be sniffed (Fetch, 3.6).
func (a *asset) mistyped(standard bool) error {
	declared, _, _ := mime.ParseMediaType(a.resp.Header.Get("Content-Type"))
	lax := !strings.EqualFold(a.resp.Header.Get("X-Content-Type-Options"), "nosniff")
	var ok bool
	switch a.role {
	case stylesheet:
		ok = lax && !standard || declared == "text/css" || declared == "application/x-unknown-content-type"
	case script:
		ok = lax || javascript.MatchString(declared)
	default:
		ok = true
	}
	if ok || declared == "" || a.preload {
		return nil
	}
	return fmt.Errorf("%s whose type says %s, which browsers don't use", a.role, declared)
}

// javascript matches the types that scripts may have (MIME Sniffing, 4.6).
var javascript = regexp.MustCompile(`^((application|text)/(x-)?(java|ecma)script|text/(javascript1\.[0-5]|jscript|livescript))$`)

// leastText is how many bytes tell what they are. Fewer, or none, is what
// counters answer with whose image nobody is to see.
const leastText = 8

// noImage says what b, the begin of a file, is where that is no image. What is
// no text is taken for one: there are more formats than signatures known here.
func noImage(b []byte) string {
	is := textual(b)
	if is == "" || is != "HTML" && bytes.Contains(bytes.ToLower(b), []byte("<svg")) {
		return ""
	}
	start := bytes.TrimLeft(bytes.TrimPrefix(b, []byte(byteOrderMark)), " \t\r\n\f")
	preface := slices.ContainsFunc([]string{"<?xml", "<!--", "<!DOCTYPE svg"}, func(p string) bool { return bytes.HasPrefix(start, []byte(p)) })
	if preface && len(b) >= sniffed {
		return "" // an SVG may come after it
	}
	return is
}

// textual says what kind of text b begins with, "" for what is none.
func textual(b []byte) string {
	if isHTMLPage(b) {
		return "HTML"
	}
	kind := http.DetectContentType(b)
	if len(b) < leastText || !strings.HasPrefix(kind, "text/") {
		return ""
	}
	switch b = bytes.TrimSpace(b); {
	case len(b) > 0 && (b[0] == '{' || b[0] == '['):
		return "JSON"
	case bytes.HasPrefix(b, []byte("<?xml")):
		return "XML"
	}
	return "text"
}
