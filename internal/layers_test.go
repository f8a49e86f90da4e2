// Package layers_test guards what stands above single packages: which may
// import which, and which may import a heavy dependency.
package layers_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/sonde-media/sonde/"

// layers says which of our packages each of them may import. Tests may import
// what they like. A package that isn't here yet gets a row when it is made.
var layers = map[string][]string{
	"cmd/sonde":            {"*"},
	"cmd/sonde-datasource": {"internal/datasource"},
	"dashboards":           {}, // tests alone

	"probes":           {},
	"probes/feed":      {"probes", "internal/wire", "internal/media", "probes/enclosure"}, // an episode is a listen of its enclosure
	"probes/enclosure": {"probes", "internal/wire", "internal/media"},
	"probes/page":      {"probes", "internal/wire", "internal/media"},

	"internal":               {}, // this test
	"internal/agent":         {"probes", "internal/config"},
	"internal/bench":         {}, // tests alone
	"internal/api":           {"probes"},
	"internal/config":        {"probes", "probes/feed", "probes/enclosure", "probes/page", "internal/wire"},
	"internal/datasource":    {"probes", "internal/api"},
	"internal/drill":         {"probes", "internal/api"},
	"internal/hub":           {"probes", "internal/api", "internal/config", "internal/store", "internal/incident"},
	"internal/incident":      {"probes", "internal/api"},
	"internal/media":         {},
	"internal/dirlock":       {},
	"internal/source":        {"internal/config"}, // where an agent's configuration comes from
	"internal/notify":        {"probes", "internal/api"},
	"internal/store":         {"probes", "internal/api", "internal/dirlock"},
	"internal/telemetry":     {"probes", "internal/dirlock"},
	"internal/wire":          {"probes"},
	"internal/wire/wiretest": {"probes", "internal/wire"}, // for tests alone
}

// heavy says who may import a dependency that is large, or that we may want
// to replace: by the beginning of its path.
var heavy = map[string][]string{
	"github.com/andybalholm/cascadia":       {"probes/page"},
	"github.com/gabriel-vasile/mimetype":    {"internal/media"},
	"github.com/grafana/":                   {"internal/datasource", "cmd/sonde-datasource"},
	"github.com/spf13/cobra":                {"cmd/sonde"},
	"github.com/tdewolff/parse":             {"probes/page"},
	"go.opentelemetry.io/collector/pdata":   {"internal/hub", "internal/store"},
	"go.opentelemetry.io/otel/exporters":    {"internal/telemetry"},
	"go.opentelemetry.io/otel/sdk":          {"internal/telemetry"},
	"go.yaml.in/yaml":                       {"internal/config"},
	"google.golang.org/grpc":                {"internal/hub"},
	"modernc.org/sqlite":                    {"internal/store"},
	module + "internal/wire/wiretest":       {},
	"net/http/httptest":                     {"internal/wire/wiretest"},
	"testing":                               {"internal/wire/wiretest"},
	"github.com/compose-spec/":              {}, // tests read back what is printed for these tools
	"k8s.io/":                               {},
	"sigs.k8s.io/":                          {},
	"github.com/google/go-cmp":              {},
	"github.com/hashicorp/go-plugin":        {},
	"github.com/rogpeppe/go-internal":       {},
	"go.uber.org/goleak":                    {},
	"golang.org/x/net/html":                 {"probes/page", "probes/feed"},
	"github.com/hashicorp/cronexpr":         {"internal/config"},
	"github.com/hashicorp/go-retryablehttp": {"internal/api", "internal/notify", "internal/source", "internal/telemetry"},
}

type listed struct {
	ImportPath string
	Imports    []string // without those of tests
}

func (p listed) name() string {
	return strings.TrimPrefix(p.ImportPath, module)
}

// list returns the packages of this module.
func list(t *testing.T) (all []listed) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Imports", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		// Some packages of npm bring Go files along.
		if !strings.Contains(p.ImportPath, "/node_modules/") {
			all = append(all, p)
		}
	}
}

func TestLayers(t *testing.T) {
	for _, p := range list(t) {
		allowed, ok := layers[p.name()]
		if !ok {
			t.Errorf("%s is in no layer: give it a row in the table", p.name())
			continue
		}
		for _, path := range p.Imports {
			to, ours := strings.CutPrefix(path, module)
			if ours && !slices.Contains(allowed, to) && !slices.Contains(allowed, "*") {
				t.Errorf("%s must not import %s", p.name(), to)
			}
		}
	}
}

func TestHeavyDependencies(t *testing.T) {
	for _, p := range list(t) {
		for _, path := range p.Imports {
			for prefix, importers := range heavy {
				if strings.HasPrefix(path, prefix) && !slices.Contains(importers, p.name()) {
					t.Errorf("%s must not import %s; only %v may", p.name(), path, importers)
				}
			}
		}
	}
}

// What others may import must not bring in more than the standard library.
func TestWordsNeedNothing(t *testing.T) {
	for _, p := range list(t) {
		for _, path := range p.Imports {
			first, _, _ := strings.Cut(path, "/")
			if p.name() == "probes" && strings.Contains(first, ".") {
				t.Errorf("probes must not import %s", path)
			}
		}
	}
}

// The tables must not tell of an arrow to a package without a row.
func TestTablesAgree(t *testing.T) {
	for from, to := range layers {
		for _, p := range to {
			if _, ok := layers[p]; !ok && p != "*" {
				t.Errorf("%s may import %s, which has no row", from, p)
			}
		}
	}
}
