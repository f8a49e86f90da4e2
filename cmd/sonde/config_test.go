package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func checkConfig(t *testing.T, text string) (path, stdout, stderr string, err error) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "sonde.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errOut bytes.Buffer
	c := configCommand()
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetArgs([]string{"check", path})
	c.SetOut(&out)
	c.SetErr(&errOut)
	err = c.ExecuteContext(t.Context())
	return path, out.String(), errOut.String(), err
}

func TestConfigCheckOK(t *testing.T) {
	path, stdout, stderr, err := checkConfig(t, `
regions: {eu: {}, us: {}}
targets:
  - feed: https://feeds.example.org/1.xml
  - page: https://www.example.com/
  - feed: https://feeds.example.org/2.xml
`)
	if err != nil || stderr != "" {
		t.Fatalf("got %v, %q on stderr", err, stderr)
	}
	if want := path + ": ok, 3 targets (2 feed, 1 page), 2 regions, version "; !strings.HasPrefix(stdout, want) {
		t.Errorf("got %q, want %q", stdout, want)
	}
}

// Lines must begin with the file's name for editors to jump by them.
func TestConfigCheckBad(t *testing.T) {
	path, stdout, stderr, err := checkConfig(t, "hubb: x\ntargets: []\nregion: 7\n")
	if code, ok := errors.AsType[exitError](err); !ok || code != exitUsage {
		t.Errorf("got %v, want exit status %d", err, exitUsage)
	}
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	if stdout != "" || len(lines) != 2 || !strings.HasPrefix(lines[0], path+":1:1: ") || !strings.HasPrefix(lines[1], path+":3:9: ") {
		t.Errorf("got %q on stdout, %q on stderr", stdout, stderr)
	}
}
