package enclosure

import (
	"testing"

	"github.com/sonde-media/sonde/internal/media"
)

// FuzzContentRange reads what a server may write: what is taken for right must
// be what was asked for.
func FuzzContentRange(f *testing.F) {
	for _, header := range []string{"bytes 0-65535/1000000", "bytes 0-9/*", "bytes */10", "bytes 0-9223372036854775807/9223372036854775807", "bytes -1--1/-1"} {
		f.Add(header, int64(0), int64(65535), int64(10))
	}
	f.Fuzz(func(t *testing.T, header string, first, last, size int64) {
		asked := media.Span{First: first, Last: last}
		r, err := parseRange(header)
		if err != nil || first < 0 || last < first || size < 0 || r.wrong(asked, size) != nil {
			return
		}
		if r.first != first || r.last != first+size-1 || r.last > last || r.total >= 0 && r.last >= r.total {
			t.Errorf("%q, asked %+v, got %d: taken for right as %+v", header, asked, size, r)
		}
	})
}
