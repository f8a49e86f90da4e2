package page

import (
	"cmp"
	"fmt"
	"hash"
	"net/http"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
)

// An asset is a sub-resource that is fetched once, however often referred to.
type asset struct {
	ref
	step    *probes.Step // nil where a limit left it out
	granted int64        // bytes it may read
	held    int64        // bytes of room for sheets
	resp    *wire.Response
	err     error
	settled bool
	sheet   sheet       // of a style sheet
	told    bool        // what the sheet leads to has been queued
	hashes  []hash.Hash // one a promise
	origin  string      // that the request named
}

// merge adds a second reference to an asset.
func (a *asset) merge(r ref) {
	if r.blocking && !a.blocking {
		a.blocking = true
		a.told = false // its imports block too
	}
	a.applies = a.applies || r.applies
	switch {
	case a.preload && !r.preload:
		a.preload, a.role, a.imports, a.promised = false, r.role, r.imports, r.promised
		a.mode, a.blind = r.mode, r.blind
	case a.preload == r.preload:
		a.also(r)
	}
}

// also merges a second reference that is as much in use as those before. What is
// asked for in two modes browsers fetch twice: each may go well or not.
func (a *asset) also(r ref) {
	if len(a.promised) < maxPromises {
		a.promised = append(a.promised, r.promised...)
	}
	a.blind = a.blind || r.blind
	if a.mode != r.mode {
		a.mode = unchecked
	}
}

// expected reports whether a is a style sheet still on its way.
func (a *asset) expected() bool { return a.role == stylesheet && !a.settled }

// rank orders those that wait: what rendering waits for, then other sheets,
// which lead to more.
func (a *asset) rank() int {
	switch {
	case a.blocking:
		return 0
	case a.role == stylesheet:
		return 1
	}
	return 2
}

const (
	sniffed    = 1024     // bytes kept to see what they are
	firstMedia = 64 << 10 // bytes of audio or video fetched: too few to count as a listener
	linkBytes  = 4 << 10  // bytes of a page that a link leads to
)

func (c *crawl) request(a *asset) wire.Request {
	req := wire.Request{
		URL:         a.url.String(),
		Header:      http.Header{"Accept": {cmp.Or(accepts[a.role], "*/*")}},
		Keep:        min(sniffed, a.granted),
		Limit:       a.granted,
		Sink:        a.sums(),
		LargeOK:     a.role != stylesheet && a.role != script,
		EmptyOK:     true,
		RecordQuery: c.recordQuery,
	}
	if from := referrer(a.from, a.url); from != "" {
		req.Header.Set("Referer", from)
	}
	if a.origin = a.asks(c.doc.url); a.origin != "" {
		req.Header.Set("Origin", a.origin)
	}
	switch a.role {
	case stylesheet:
		req.Keep = min(maxSheet, a.granted)
	case navigation: // a browser reads on, but enough has come
		req.Keep, req.Limit, req.StopAtKeep = min(linkBytes, a.granted), 0, true
	case clip:
		req.Range = fmt.Sprintf("bytes=0-%d", firstMedia-1)
		req.Keep, req.Limit, req.StopAtKeep = min(firstMedia, a.granted), 0, true
	}
	return req
}

// size is how many bytes were read.
func (a *asset) size() (n int64) {
	if a.resp != nil {
		return a.resp.Size
	}
	for s := range a.step.All() {
		if s.Name == "body" {
			n += int64(s.Int(probes.AttrBodySize))
		}
	}
	return n
}

// redirected counts the redirects that were followed.
func (a *asset) redirected() (n int) {
	for _, s := range a.step.Steps {
		if s.Name == "hop" {
			n++
		}
	}
	return max(0, n-1)
}

// refs returns what a sheet leads to, and the fonts that it declares.
func (a *asset) refs(p policy) (assets, faces []ref) {
	add := func(to *[]ref, r ref, raw string) {
		u := resolve(a.resp.URL, raw)
		if u != nil {
			u = p.admit(u, r.role, false)
		}
		if u == nil {
			return
		}
		r.url, r.from = u, a.resp.URL
		*to = append(*to, r)
	}
	if a.imports < maxImports {
		for _, i := range a.sheet.imports {
			r := ref{role: stylesheet, applies: a.applies && i.applies, imports: a.imports + 1}
			r.blocking = a.blocking && i.applies
			add(&assets, r, i.url)
		}
	}
	if !a.applies {
		return assets, nil
	}
	for _, raw := range a.sheet.images {
		add(&assets, ref{role: image}, raw)
	}
	for _, f := range a.sheet.faces {
		add(&faces, ref{role: font, mode: anonymous, family: f.family, face: f.letter}, f.url)
	}
	return assets, faces
}
