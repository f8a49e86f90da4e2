package probes

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bytes is a size. Options and configurations write it as a whole number or as
// a text with a unit.
type Bytes int64

// UnmarshalJSON reads 1048576 or "1 MiB".
func (b *Bytes) UnmarshalJSON(text []byte) error {
	if n := (*int64)(b); len(text) > 0 && text[0] != '"' {
		return json.Unmarshal(text, n)
	}
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	size, err := ParseBytes(s)
	*b = size
	return err
}

// units of bytes, the longest first: each ends in the last.
var units = []struct {
	name  string
	bytes int64
}{
	{"KiB", 1 << 10},
	{"MiB", 1 << 20},
	{"GiB", 1 << 30},
	{"TiB", 1 << 40},
	{"kB", 1e3},
	{"MB", 1e6},
	{"GB", 1e9},
	{"TB", 1e12},
	{"B", 1},
}

// ParseBytes reads a size of one byte or more: 64 MiB, 1.5GB, 1048576 B or, with
// no unit, 1048576.
func ParseBytes(text string) (Bytes, error) {
	number, unit := text, int64(1)
	for _, u := range units {
		if n, ok := strings.CutSuffix(text, u.name); ok {
			number, unit = n, u.bytes
			break
		}
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if size := f * float64(unit); err == nil && size >= 1 && size < math.MaxInt64 {
		return Bytes(size), nil
	}
	return 0, fmt.Errorf("want %s, got %q", SizeWords, text)
}

// SizeWords say what a size looks like.
const SizeWords = "a size such as 1048576, 64 MiB or 2 GB"
