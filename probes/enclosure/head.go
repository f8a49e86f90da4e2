package enclosure

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/sonde-media/sonde/internal/media"
	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
)

// head asks for the file by HEAD, as directories do before they list it (Apple
// requires it), and notes where the answer isn't the one to GET (RFC 9110
// §9.3.2). That HEAD is refused stands in the tree alone: it stops no listener.
func (l *listening) head(ctx context.Context, pool *wire.Pool) {
	var err error
	s := l.begin("head")
	defer s.Done(&err)
	ctx, cancel := share(ctx)
	defer cancel()
	res, err := pool.Fetch(ctx, s, wire.Request{
		URL: l.file.url, Method: http.MethodHead, EmptyOK: true, RecordQuery: l.RecordQuery,
		Header: http.Header{"Accept-Encoding": {"identity"}},
	})
	l.settle(s)
	if err != nil || res.Status != http.StatusOK {
		return
	}
	for _, note := range l.file.headDiffers(res.Header, l.seekable) {
		if l.told && note.Code == probes.RangeWrong {
			continue
		}
		note.Host, note.Severity = l.file.host, probes.Notice
		note.Detail = "the answer to HEAD " + note.Detail
		s.Find(note)
	}
}

// headDiffers says how the header of an answer to HEAD tells of another file,
// ranges being whether they work.
func (f file) headDiffers(h http.Header, ranges bool) (notes []probes.Finding) {
	note := func(code probes.Code, format string, args ...any) {
		notes = append(notes, probes.Finding{Code: code, Detail: fmt.Sprintf(format, args...)})
	}
	length := wholeSize(&wire.Response{Status: http.StatusOK, Header: h})
	if length >= 0 && f.total >= 0 && length != f.total && !f.inserted {
		note(probes.LengthMismatch, "says %d bytes, that to GET %d", length, f.total)
	}
	if typ := h.Get("Content-Type"); typ != "" && f.typ != "" && media.Bare(typ) != media.Bare(f.typ) {
		note(probes.TypeMismatch, "says %s, that to GET %s", clip(typ), clip(f.typ))
	}
	if ranges && strings.EqualFold(h.Get("Accept-Ranges"), "none") {
		note(probes.RangeIgnored, "says Accept-Ranges: none, though ranges are answered")
	}
	if etag := h.Get("ETag"); strong(etag) && strong(f.etag) && etag != f.etag && !f.inserted {
		note(probes.RangeWrong, "has the ETag %s, that to GET %s: what resumes a download starts over", clip(etag), clip(f.etag))
	}
	return notes
}
