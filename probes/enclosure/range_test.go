package enclosure

import "testing"

// FuzzContentRange reads what a server may write: what is taken for right must
// be what was asked for.
func FuzzContentRange(f *testing.F) {
	for _, header := range []string{"bytes 0-65535/1000000", "bytes 0-9/*", "bytes */10", "bytes 0-9223372036854775807/9223372036854775807", "bytes -1--1/-1"} {
		f.Add(header, int64(65536), int64(10))
	}
	f.Fuzz(func(t *testing.T, header string, asked, size int64) {
		r, err := parseRange(header)
		if err != nil || asked < 1 || size < 0 || r.wrong(asked, size) != nil {
			return
		}
		if r.first != 0 || r.last != size-1 || size > asked || r.total >= 0 && size > r.total {
			t.Errorf("%q, asked %d, got %d: taken for right as %+v", header, asked, size, r)
		}
	})
}
