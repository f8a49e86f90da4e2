package dashboards_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sonde-media/sonde/internal/datasource"
)

const (
	pluginDir        = "plugin"
	pluginExecutable = "gpx_sonde" // as make plugin names it
)

func TestManifest(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(pluginDir, "src", "plugin.json"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := readManifest(text)
	if err != nil {
		t.Fatal(err)
	}
	for what, got := range map[string][2]string{
		"type":       {m.Type, "datasource"},
		"id":         {m.ID, datasource.ID},
		"executable": {m.Executable, pluginExecutable},
		"version":    {m.Info.Version, packageVersion(t)},
		"needs":      {m.Dependencies.Grafana, ">=12.3.0"},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: got %q, want %q", what, got[0], got[1])
		}
	}
	if !m.Backend || !m.Alerting || !m.Metrics || !m.Tracing || m.Logs || m.Annotations || m.Streaming {
		t.Errorf("got %+v, want a backend that answers metrics, traces and alerts", m)
	}
	for _, path := range []string{m.Info.Logos.Small, m.Info.Logos.Large} {
		logo, err := os.ReadFile(filepath.Join(pluginDir, "src", path))
		if err != nil || !bytes.HasPrefix(logo, []byte("<svg ")) {
			t.Errorf("logo %s: got %.20q and %v, want a drawing", path, logo, err)
		}
	}
}

// What Grafana's schema refuses of a manifest like ours, ours is refused for.
func TestManifestSchema(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(pluginDir, "src", "plugin.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, old, new string }{
		{"an unknown key", `"backend"`, `"frontend"`},
		{"an unknown key of info", `"keywords"`, `"tags"`},
		{"an unknown key of the author", `"author": { "name"`, `"author": { "nickname"`},
		{"an unknown key of a link", `"links": [{ "name"`, `"links": [{ "path": "x", "name"`},
		{"an unknown key of the dependencies", `"plugins"`, `"peers"`},
		{"an unknown logo", `"large"`, `"huge"`},
		{"no type", `"type": "datasource",`, ``},
		{"a type there isn't", `"datasource",`, `"database",`},
		{"no name", `"name": "Sonde",`, ``},
		{"an id without a type", `-datasource"`, `"`},
		{"no keywords", `["podcast", "media delivery", "synthetic monitoring", "probe", "datasource"]`, `[]`},
		{"a version of two numbers", `"0.1.0"`, `"0.1"`},
		{"a date in words", `"updated": "2`, `"updated": "on 2`},
		{"a version of Grafana in words", `">=12.3.0"`, `"twelve"`},
		{"a plugin by its name alone", `"plugins": []`, `"plugins": ["x"]`},
		{"a category there isn't", `"other"`, `"podcasts"`},
		{"a word for a truth", `"backend": true`, `"backend": "yes"`},
		{"a link that is none", `"url": "https:`, `"url": "://`},
	} {
		bad := bytes.Replace(text, []byte(c.old), []byte(c.new), 1)
		if bytes.Equal(bad, text) {
			t.Errorf("%s: plugin.json has no %s", c.name, c.old)
		}
		if _, err := readManifest(bad); err == nil {
			t.Errorf("%s was taken", c.name)
		}
	}
}

func packageVersion(t *testing.T) string {
	t.Helper()
	var p struct{ Version string }
	text, err := os.ReadFile(filepath.Join(pluginDir, "package.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &p); err != nil {
		t.Fatal(err)
	}
	return p.Version
}

// What is installed must not hang on where it was fetched from.
func TestLockNamesNoHost(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(pluginDir, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), `"resolved"`) || !strings.Contains(string(text), `"integrity"`) {
		t.Error("package-lock.json must have hashes and no hosts: see .npmrc")
	}
}

// The built front end in a browser: a page stands in for Grafana, and what it
// asks is answered by the real data source from a real hub.
func TestInBrowser(t *testing.T) {
	node := browserNeeds(t)
	page := startGrafana(t, startHubWithRuns(t))
	tests, err := filepath.Glob(filepath.Join(pluginDir, "test", "*.test.mjs"))
	if err != nil || len(tests) == 0 {
		t.Fatalf("got %v and %v, want tests", tests, err)
	}
	args := []string{"--test", "--test-reporter=spec", "--test-concurrency=1", "--test-timeout=120000"}
	for _, path := range tests {
		if _, err := os.Stat(path); err != nil { // go test runs again once one has changed
			t.Fatal(err)
		}
		args = append(args, filepath.Join("test", filepath.Base(path)))
	}
	cmd := exec.CommandContext(t.Context(), node, args...)
	cmd.Dir = pluginDir
	cmd.Env = append(os.Environ(), "SONDE_PAGE="+page+"/")
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}

// browserNeeds returns where node is, or skips the test where something is missing.
func browserNeeds(t *testing.T) string {
	t.Helper()
	for _, path := range []string{"dist/module.js", "dist-test/host.js", "node_modules/playwright-core/package.json"} {
		if _, err := os.Stat(filepath.Join(pluginDir, path)); err != nil {
			t.Skipf("the front end isn't built here (make front does it): %v", err)
		}
	}
	if _, err := exec.LookPath("chromium"); err != nil {
		t.Skip("the front end isn't tested here: there is no chromium (make packages installs it)")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("the front end isn't tested here: there is no node")
	}
	return node
}
