package probes

import (
	"encoding/json"
	"testing"
)

func TestBytes(t *testing.T) {
	for text, want := range map[string]Bytes{
		`1048576`: 1 << 20, `"1048576"`: 1 << 20, `"1 MiB"`: 1 << 20, `"16MiB"`: 16 << 20, `"1.5 GB"`: 1.5e9, `"64 KiB"`: 64 << 10, `"10 B"`: 10, `"2 kB"`: 2000,
		`0`: 0, `-1`: -1, // which options judge themselves
	} {
		var b Bytes
		if err := json.Unmarshal([]byte(text), &b); err != nil || b != want {
			t.Errorf("%s: got %d, %v, want %d", text, b, err, want)
		}
	}
	for _, text := range []string{`"many"`, `"1 mib"`, `"-1 MiB"`, `"0.1 B"`, `"9e9 TiB"`, `"NaN B"`, `"MiB"`, `""`, `1.5`, `1e30`, `{}`, `true`, `[1]`} {
		var b Bytes
		if err := json.Unmarshal([]byte(text), &b); err == nil {
			t.Errorf("%s: got %d", text, b)
		}
	}
}

// An option that is a size says how one is written.
func TestSizeOption(t *testing.T) {
	var o struct {
		Most Bytes `json:"most"`
	}
	if err := (Options{"most": "2 MiB"}).Decode(&o); err != nil || o.Most != 2<<20 {
		t.Errorf("got %d, %v", o.Most, err)
	}
	const want = `most: want a size such as 1048576, 64 MiB or 2 GB, got "much"`
	if err := (Options{"most": "much"}).Decode(&o); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
