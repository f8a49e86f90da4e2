package enclosure

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/sonde-media/sonde/internal/media"
	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
)

// A byteRange is a Content-Range (RFC 9110 §14.4).
type byteRange struct {
	first, last int64
	total       int64 // -1 where the server doesn't know
}

func parseRange(header string) (r byteRange, err error) {
	bad := fmt.Errorf("Content-Range %q", clip(header))
	rest, ok := strings.CutPrefix(strings.TrimSpace(header), "bytes ")
	span, total, ok2 := strings.Cut(rest, "/")
	first, last, ok3 := strings.Cut(span, "-")
	if !ok || !ok2 || !ok3 {
		return r, bad
	}
	if r.first, err = strconv.ParseInt(first, 10, 64); err != nil {
		return r, bad
	}
	if r.last, err = strconv.ParseInt(last, 10, 64); err != nil {
		return r, bad
	}
	r.total = -1
	if total != "*" {
		if r.total, err = strconv.ParseInt(total, 10, 64); err != nil || r.total < 0 {
			return r, bad
		}
	}
	return r, nil
}

// wrong says how r is not what was asked for, of which size bytes came.
func (r byteRange) wrong(asked media.Span, size int64) error {
	switch {
	case r.first != asked.First || r.last < r.first || r.last > asked.Last:
		return fmt.Errorf("got bytes %d to %d", r.first, r.last)
	case r.total >= 0 && r.last >= r.total:
		return fmt.Errorf("got bytes %d to %d of %d", r.first, r.last, r.total)
	case r.last < asked.Last && r.total >= 0 && r.last+1 < r.total:
		return fmt.Errorf("got only bytes %d to %d of %d", r.first, r.last, r.total)
	case size != r.last-r.first+1:
		return fmt.Errorf("%d bytes came under the heading of %d", size, r.last-r.first+1)
	}
	return nil
}

// misses says how an answer to a range misses RFC 9110 §14 and §15.3.7, with
// the code for it; no error where it doesn't.
func misses(res *wire.Response, asked media.Span) (probes.Code, error) {
	if res.Status != http.StatusPartialContent {
		return probes.RangeIgnored, fmt.Errorf("answered %d with the whole file%s", res.Status, because(res.Header))
	}
	if e := encoding(res.Header); e != "" {
		return probes.RangeWrong, fmt.Errorf("the answer is compressed (Content-Encoding: %s), and so the range is one of compressed bytes", e)
	}
	if typ := strings.ToLower(res.Header.Get("Content-Type")); strings.HasPrefix(typ, "multipart/") {
		return probes.RangeWrong, fmt.Errorf("answered in parts (%s), which only several ranges may be", clip(typ))
	}
	r, err := parseRange(res.Header.Get("Content-Range"))
	if err == nil {
		err = r.wrong(asked, res.Size)
	}
	return probes.RangeWrong, err
}

// because is what an answer without ranges says of the reason.
func because(h http.Header) string {
	switch e := encoding(h); {
	case e != "":
		return ", compressed (Content-Encoding: " + e + ")"
	case strings.EqualFold(h.Get("Accept-Ranges"), "none"):
		return " and says so (Accept-Ranges: none)"
	case h.Get("Content-Range") != "":
		return ", though with Content-Range: " + clip(h.Get("Content-Range"))
	}
	return ""
}

// encoding is the Content-Encoding, "" where there is none.
func encoding(h http.Header) string {
	e := strings.ToLower(h.Get("Content-Encoding"))
	if e == "identity" {
		return ""
	}
	return clip(e)
}

// checkFirst notes on the last hop how its answer isn't what was asked for. It
// reports whether nothing speaks against asking for ranges further on.
func (l Listener) checkFirst(res *wire.Response) bool {
	if l.Options.Full {
		return checkWhole(res)
	}
	asked := media.Span{Last: int64(l.Options.Bytes) - 1}
	code, err := misses(res, asked)
	if err == nil {
		return true
	}
	res.Hop.Find(probes.Note(code, res.URL.Hostname(), fmt.Sprintf("asked for %s: %v", spanText(asked), err)))
	return false
}

// checkWhole notes where a part came though nobody asked for one: a player
// would take it for the whole.
func checkWhole(res *wire.Response) bool {
	if res.Status != http.StatusPartialContent {
		return true
	}
	err := fmt.Errorf("asked for the whole file, answered 206 with %d bytes", res.Size)
	res.Hop.Find(probes.Note(probes.RangeWrong, res.URL.Hostname(), err.Error()))
	return false
}

func spanText(s media.Span) string { return fmt.Sprintf("bytes %d to %d", s.First, s.Last) }

// A file is what an answer says of the file behind it.
type file struct {
	url            string
	host           string
	total          int64 // bytes, -1 where unknown
	etag, modified string
	typ            string
	inserted       bool // advertisements are inserted on the way
}

// fileOf is the file that res tells of, the last of the hops below s.
func fileOf(res *wire.Response, s *probes.Step) file {
	f := file{
		url: res.URL.String(), host: res.URL.Hostname(), total: wholeSize(res),
		etag: res.Header.Get("ETag"), modified: res.Header.Get("Last-Modified"), typ: res.Header.Get("Content-Type"),
	}
	for _, hop := range s.Steps {
		f.inserted = f.inserted || hop.Text(probes.AttrHopRole) == "ad_insertion"
	}
	return f
}

// wholeSize is the bytes of the whole file, -1 where the answer doesn't tell.
func wholeSize(res *wire.Response) int64 {
	if res.Status == http.StatusPartialContent {
		if r, err := parseRange(res.Header.Get("Content-Range")); err == nil {
			return r.total
		}
		return -1
	}
	if res.Complete {
		return res.Size
	}
	if n, err := strconv.ParseInt(res.Header.Get("Content-Length"), 10, 64); err == nil && encoding(res.Header) == "" {
		return n
	}
	return -1
}

// errSwapped is how two answers tell of two files under one validator, which
// nobody does on purpose.
var errSwapped = errors.New("one ETag, two sizes")

// same says how g is not the file that f is, nil where nothing tells them
// apart. Another size under another ETag, or under none, is what ad insertion
// makes of one URL.
func (f file) same(g file) error {
	switch {
	case f.total >= 0 && g.total >= 0 && f.total != g.total && f.etag == g.etag && strong(f.etag):
		return fmt.Errorf("%w: %s is one of %d bytes and one of %d", errSwapped, clip(f.etag), f.total, g.total)
	case f.total >= 0 && g.total >= 0 && f.total != g.total:
		why := "as ad insertion does it"
		if f.inserted {
			why = "by the ad insertion on the way"
		}
		return fmt.Errorf("the file has %d bytes now and had %d before: it is made anew for each request, %s", g.total, f.total, why)
	case f.etag != g.etag && f.etag != "" && g.etag != "":
		return fmt.Errorf("the ETag is %s now and was %s before: what resumes a download starts over", clip(g.etag), clip(f.etag))
	case f.modified != g.modified && f.modified != "" && g.modified != "" && f.etag == "":
		return fmt.Errorf("Last-Modified is %s now and was %s before", clip(g.modified), clip(f.modified))
	}
	return nil
}

// strong reports whether an ETag promises equal bytes (RFC 9110 §8.8.3).
func strong(etag string) bool { return etag != "" && !strings.HasPrefix(etag, "W/") }
