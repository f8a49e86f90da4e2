package enclosure

import (
	"fmt"
	"strconv"
	"strings"
)

// A byteRange is a Content-Range (RFC 9110 §14.4).
type byteRange struct {
	first, last int64
	total       int64 // -1 where the server doesn't know
}

func parseRange(header string) (r byteRange, err error) {
	bad := fmt.Errorf("Content-Range %q", header[:min(len(header), 100)])
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
		if r.total, err = strconv.ParseInt(total, 10, 64); err != nil {
			return r, bad
		}
	}
	return r, nil
}

// wrong says how r is not what was asked for: the first asked bytes, of which
// size came.
func (r byteRange) wrong(asked, size int64) error {
	switch {
	case r.first != 0 || r.last < r.first || r.last >= asked:
		return fmt.Errorf("got bytes %d to %d", r.first, r.last)
	case r.total >= 0 && r.last >= r.total:
		return fmt.Errorf("got bytes %d to %d of %d", r.first, r.last, r.total)
	case r.last+1 < asked && r.total >= 0 && r.last+1 < r.total:
		return fmt.Errorf("got only bytes 0 to %d of %d", r.last, r.total)
	case size != r.last+1:
		return fmt.Errorf("%d bytes came under the heading of %d", size, r.last+1)
	}
	return nil
}
