package probes_test

import (
	"testing"

	"github.com/sonde-media/sonde/probes"
)

func TestClip(t *testing.T) {
	for _, c := range []struct {
		text string
		n    int
		want string
	}{
		{"plain", 9, "plain"}, {"plain", 3, "pla"}, {"aé", 2, "a"}, {"a€b", 3, "a"}, {"\x80\x80\x80\x80\x80\x80", 5, "\x80\x80\x80\x80\x80"}, {"é", 0, ""},
	} {
		if got := probes.Clip(c.text, c.n); got != c.want {
			t.Errorf("%q to %d: got %q, want %q", c.text, c.n, got, c.want)
		}
	}
}
