package dashboards_test

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/sonde-media/sonde/internal/config"
	"github.com/sonde-media/sonde/internal/datasource"
)

// A composed service is what the tests look at in docker-compose.yml.
type composed struct {
	Command     []string
	Environment map[string]string
	Volumes     []any // a text, or a mapping where the host's files are meant
}

func readYAML(t *testing.T, file string, v any) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err == nil {
		err = yaml.Unmarshal(b, v)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func services(t *testing.T) map[string]composed {
	t.Helper()
	var file struct{ Services map[string]composed }
	readYAML(t, "../docker-compose.yml", &file)
	if len(file.Services) == 0 {
		t.Fatal("docker-compose.yml has no services")
	}
	return file.Services
}

// binds are the host's files that a service mounts, by where it finds them.
func (c composed) binds() map[string]string {
	all := map[string]string{}
	for _, v := range c.Volumes {
		if m, ok := v.(map[string]any); ok {
			source, _ := m["source"].(string)
			// ${NAME:-default}
			if _, byDefault, ok := strings.Cut(source, ":-"); ok {
				source = strings.TrimSuffix(byDefault, "}")
			}
			at, _ := m["target"].(string)
			all[at] = filepath.Join("..", source)
		}
	}
	return all
}

func TestComposeMountsWhatIsThere(t *testing.T) {
	for name, s := range services(t) {
		for at, source := range s.binds() {
			if source == filepath.Join("..", "dashboards", "plugin", "dist") {
				continue // which make plugin builds
			}
			if _, err := os.Stat(source); err != nil {
				t.Errorf("%s, %s: %v", name, at, err)
			}
		}
	}
}

// The agents of compose start by the example configuration that they mount.
func TestComposeAgentsKnowTheirRegion(t *testing.T) {
	agents := 0
	for name, s := range services(t) {
		if len(s.Command) == 0 || s.Command[0] != "agent" {
			continue
		}
		agents++
		file, region := after(s.Command, "--config"), after(s.Command, "--region")
		c, err := config.Load(s.binds()[file])
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, ok := c.Regions[region]; !ok || len(c.Targets) == 0 {
			t.Errorf("%s: %s has %d targets and not region %q", name, file, len(c.Targets), region)
		}
	}
	if agents != 3 {
		t.Errorf("got %d agents, want 3", agents)
	}
}

func after(command []string, flag string) string {
	if i := slices.Index(command, flag); i >= 0 && i+1 < len(command) {
		return command[i+1]
	}
	return ""
}

// Grafana finds plugin, data source and dashboards where compose puts them.
func TestGrafanaIsProvisioned(t *testing.T) {
	var providers struct {
		Providers []struct{ Options struct{ Path string } }
	}
	readYAML(t, "provisioning/dashboards/sonde.yaml", &providers)
	var sources struct {
		Datasources []struct {
			Type, URL      string
			JSONData       map[string]string `yaml:"jsonData"`
			SecureJSONData map[string]string `yaml:"secureJsonData"`
		}
	}
	readYAML(t, "provisioning/datasources/sonde.yaml", &sources)
	if len(providers.Providers) != 1 || len(sources.Datasources) != 1 || sources.Datasources[0].Type != datasource.ID {
		t.Fatalf("got %+v and %+v", providers, sources)
	}
	source := sources.Datasources[0]
	for _, name := range []string{"grafana", "demo-grafana"} {
		s := services(t)[name]
		binds := s.binds()
		for _, at := range []string{
			path.Join(providers.Providers[0].Options.Path, "overview.json"), "/var/lib/grafana/plugins/" + datasource.ID,
			"/etc/grafana/provisioning/datasources", "/etc/grafana/provisioning/dashboards",
		} {
			if binds[at] == "" {
				t.Errorf("%s mounts nothing at %s", name, at)
			}
		}
		for _, text := range []string{source.URL, source.JSONData["publicUrl"], source.SecureJSONData["token"]} {
			if s.Environment[strings.Trim(text, "${}")] == "" {
				t.Errorf("%s has no %s", name, text)
			}
		}
	}
}
