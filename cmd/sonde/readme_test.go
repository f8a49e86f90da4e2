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

	_, sample, _ := strings.Cut(text, "```yaml\n")
	sample, _, _ = strings.Cut(sample, "```")
	c, err := config.Parse("README.md", []byte(sample), os.LookupEnv)
	if err != nil {
		t.Errorf("the configuration shown: %v", err)
	} else if len(c.Targets) != 3 {
		t.Errorf("the configuration shown has %d targets", len(c.Targets))
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

	for _, m := range regexp.MustCompile("`([a-z]+_[a-z_]+)`").FindAllStringSubmatch(text, -1) {
		if word := m[1]; !probes.Code(word).Known() && word != "stage_reason" {
			t.Errorf("%s is no code", word)
		}
	}
}
