package enclosure

import (
	"testing"
	"time"
)

// What comes is told by pairs: at which second how many seconds of sound.
func TestPace(t *testing.T) {
	for _, c := range []struct {
		name string
		came [][2]float64
		want string
	}{
		{"at once", [][2]float64{{0.1, 60}}, ""},
		{"as fast as it plays", [][2]float64{{1, 3}, {3, 5}, {5, 7}, {7, 9}}, ""},
		{"a gap shorter than what is in hand", [][2]float64{{0, 10}, {9, 60}}, ""},
		{"a hiccup", [][2]float64{{0, 10}, {10.9, 60}}, ""},
		{"a gap", [][2]float64{{0, 10}, {14, 60}}, "stalls after 10.0 s of sound; until the end a listener waits 4.0 s"},
		{"half as fast", [][2]float64{{0, 3}, {4, 5}, {8, 7}, {12, 9}}, "stalls after 3.0 s of sound; until the end a listener waits 5.0 s"},
		{"little, late", [][2]float64{{0, 1}, {60, 2}}, ""},
	} {
		var p pace
		for _, at := range c.came {
			p.came(seconds(at[0]), at[1])
		}
		got := ""
		if err := p.stalls(); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestOutruns(t *testing.T) {
	for _, c := range []struct {
		name string
		took time.Duration
		want bool
	}{
		{"fast", time.Second, false},
		{"just as fast as it plays", 4 * time.Second, false},
		{"slower", 5 * time.Second, true},
		{"too short to tell", time.Millisecond, false},
	} {
		if err := outruns(128_000, 64_000, c.took); (err != nil) != c.want {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
	if err := outruns(100_000_000, 64_000, patience/2); err != nil {
		t.Errorf("a short transfer: got %v", err)
	}
}
