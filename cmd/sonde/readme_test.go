package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sonde-media/sonde/internal/config"
	"github.com/sonde-media/sonde/probes"
)

// What the README shows must work: its configuration, its commands and flags,
// the codes it names.
func TestReadme(t *testing.T) {
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)

	samples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(text, -1)
	if len(samples) != 2 {
		t.Errorf("%d configurations are shown, want one to begin with and one of all options", len(samples))
	}
	for _, m := range samples {
		c, err := config.Parse("README.md", []byte(m[1]), os.LookupEnv)
		if err != nil {
			t.Errorf("a configuration shown: %v\n%s", err, m[1])
		} else if len(c.Targets) != 3 {
			t.Errorf("a configuration shown has %d targets, want one a kind", len(c.Targets))
		}
	}

	root := rootCommand()
	for _, m := range regexp.MustCompile(`(?m)^bin/sonde (.*?)(\s+#.*)?$`).FindAllStringSubmatch(text, -1) {
		words := strings.Fields(m[1])
		cmd, rest, err := root.Find(words)
		if err != nil || cmd == root {
			t.Errorf("%s: no such command: %v", m[1], err)
			continue
		}
		if pipe := slices.Index(rest, "|"); pipe >= 0 {
			rest = rest[:pipe]
		}
		if err := cmd.ParseFlags(rest); err != nil {
			t.Errorf("%s: %v", m[1], err)
		}
	}

	// Metrics are held true by the test of their table; the others are words of
	// Prometheus and of the OpenTelemetry collector.
	others := []string{"stage_reason", "target_info", "sending_queue", "retry_on_failure", "file_storage"}
	for _, m := range regexp.MustCompile("`([a-z]+_[a-z_]+)`").FindAllStringSubmatch(text, -1) {
		if word := m[1]; !probes.Code(word).Known() && !strings.HasPrefix(word, "sonde_") && !slices.Contains(others, word) {
			t.Errorf("%s is no code", word)
		}
	}
}
