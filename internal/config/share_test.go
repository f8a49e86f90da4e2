package config

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// What many targets say alike costs each of them next to nothing: windows,
// regions and what stands with an include are kept once.
func TestSharedKeysCostNothing(t *testing.T) {
	const targets = 5000
	var plainText, full strings.Builder
	plainText.WriteString("targets:\n")
	full.WriteString("maintenance: [{cron: \"0 2 * * *\", duration: 1h}, {cron: \"0 3 * * *\", duration: 1h, labels: {team: audio}}]\ntargets:\n")
	for i := range targets {
		item := fmt.Sprintf("  - feed: https://feeds.example.org/%d\n    labels: {team: audio}\n", i)
		plainText.WriteString(item)
		full.WriteString(item + "    except: [us-east, us-west]\n    confirm: 5s\n    maintenance: [{cron: \"0 1 * * sun\", duration: 2h, timezone: Asia/Tokyo}]\n")
	}
	one, other := held(t, plainText.String()), held(t, full.String())
	if more := (other - one) / targets; more > 16 {
		t.Errorf("%d bytes more a target, want 8: one pointer", more)
	}
}

// held is how many bytes a configuration keeps.
func held(t *testing.T, text string) int {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	c := parseText(t, text)
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(c)
	return int(after.HeapAlloc) - int(before.HeapAlloc)
}
