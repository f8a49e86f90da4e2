package agent

import "testing"

func TestGarbage(t *testing.T) {
	for _, c := range []struct {
		held uint64
		want int
	}{
		{0, gcPercent},
		{1 << 20, gcPercent},
		{8 << 20, 200},
		{32 << 20, 50},
		{1 << 30, gcLeast},
		{1 << 60, gcLeast},
	} {
		if got := garbage(c.held); got != c.want {
			t.Errorf("with %d bytes held: got %d %%, want %d", c.held, got, c.want)
		}
	}
}
