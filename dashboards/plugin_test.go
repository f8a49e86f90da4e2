package dashboards_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sonde-media/sonde/internal/datasource"
)

const (
	pluginDir        = "plugin"
	pluginExecutable = "gpx_sonde" // as make plugin names it
)

// A manifest is all that plugin.json may say: Grafana's catalogue refuses
// unknown keys.
type manifest struct {
	Type string `json:"type"`
	Name string `json:"name"`
	ID   string `json:"id"`
	Info struct {
		Description string            `json:"description"`
		Author      map[string]string `json:"author"`
		Keywords    []string          `json:"keywords"`
		Logos       map[string]string `json:"logos"`
		Links       []manifestLink    `json:"links"`
		Screenshots []manifestLink    `json:"screenshots"`
		Version     string            `json:"version"`
		Updated     string            `json:"updated"`
	} `json:"info"`
	Dependencies struct {
		Grafana string   `json:"grafanaDependency"`
		Plugins []string `json:"plugins"`
	} `json:"dependencies"`
	Backend     bool   `json:"backend"`
	Executable  string `json:"executable"`
	Metrics     bool   `json:"metrics"`
	Logs        bool   `json:"logs"`
	Tracing     bool   `json:"tracing"`
	Alerting    bool   `json:"alerting"`
	Annotations bool   `json:"annotations"`
	Streaming   bool   `json:"streaming"`
	Category    string `json:"category"`
}

type manifestLink struct{ Name, URL, Path string }

func TestManifest(t *testing.T) {
	m := readManifest(t)
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
	for what, form := range map[string][2]string{
		"version": {m.Info.Version, `^[0-9]+\.[0-9]+\.[0-9]+$`},
		"updated": {m.Info.Updated, `^20[0-9]{2}-[01][0-9]-[0-3][0-9]$`},
		"id":      {m.ID, `^[0-9a-z]+-[0-9a-z]+-datasource$`},
	} {
		if !regexp.MustCompile(form[1]).MatchString(form[0]) {
			t.Errorf("%s: got %q, want the form %s", what, form[0], form[1])
		}
	}
	for _, size := range []string{"small", "large"} {
		logo, err := os.ReadFile(filepath.Join(pluginDir, "src", m.Info.Logos[size]))
		if err != nil || !bytes.HasPrefix(logo, []byte("<svg ")) {
			t.Errorf("%s logo: got %.20q and %v, want a drawing", size, logo, err)
		}
	}
}

func readManifest(t *testing.T) (m manifest) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(pluginDir, "src", "plugin.json"))
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		t.Fatal(err)
	}
	return m
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
