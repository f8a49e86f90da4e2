package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"
)

// JSON commands no terminal, whatever stands in it, and says the same.
func TestWriteJSON(t *testing.T) {
	const bad = "\x1b[31m \u009b31m \x7f \u202e \U000e0041 <b>&é日\n"
	var b bytes.Buffer
	if err := writeJSON(&b, bad); err != nil {
		t.Fatal(err)
	}
	line, more := strings.CutSuffix(b.String(), "\n")
	if !more || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("got %q", b.String())
	}
	if !strings.Contains(line, "<b>&é日") {
		t.Errorf("%s isn't legible", line)
	}
	var back string
	if err := json.Unmarshal(b.Bytes(), &back); err != nil || back != bad {
		t.Errorf("got %q and %v", back, err)
	}
}
