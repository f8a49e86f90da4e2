// Package dashboards_test checks the dashboards, and what deploys them,
// against the code that answers them.
package dashboards_test

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/datasource"
	"github.com/sonde-media/sonde/probes"
)

// A dashboard is what the tests look at in Grafana's classic JSON.
type dashboard struct {
	Title, UID, Description, Refresh string

	SchemaVersion int
	Panels        []panel
	Templating    struct{ List []variable }
}

type panel struct {
	ID                       int
	Type, Title, Description string
	GridPos                  struct{ X, Y, W, H int }
	Datasource               sourceRef
	Targets                  []json.RawMessage
	Transformations          []struct {
		Options struct {
			Include struct{ Names []string }
		}
	}
	FieldConfig struct {
		Overrides []struct {
			Matcher struct {
				ID      string
				Options string
			}
		}
	}
	Options struct {
		ReduceOptions struct{ Fields string }
	}
}

type variable struct {
	Name, Type, Label, Description, AllValue string

	Multi, IncludeAll bool
	Datasource        sourceRef
	Query             json.RawMessage
}

type sourceRef struct{ Type, UID string }

// chosen is the data source that the dashboard's variable names.
var chosen = sourceRef{datasource.ID, "${datasource}"}

// A target is a query as a dashboard saves it.
type target struct {
	RefID      string    `json:"refId"`
	Datasource sourceRef `json:"datasource"`
	api.PanelQuery
}

func overview(t *testing.T) (d dashboard, text string) {
	t.Helper()
	b, err := os.ReadFile("overview.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	return d, string(b)
}

// readTarget reads a query and knows each of its keys.
func readTarget(t *testing.T, text json.RawMessage) (q target) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&q); err != nil {
		t.Errorf("%s: %v", text, err)
	}
	return q
}

func TestOverview(t *testing.T) {
	d, _ := overview(t)
	if d.Title != "Sonde Overview" || d.UID != "sonde-overview" || d.SchemaVersion != 42 || d.Refresh != "30s" || d.Description == "" {
		t.Errorf("got %q, %q, schema version %d, refresh %q, description %q", d.Title, d.UID, d.SchemaVersion, d.Refresh, d.Description)
	}
	ids := map[int]bool{}
	for _, p := range d.Panels {
		if p.Title == "" || p.Description == "" || p.Datasource != chosen || len(p.Targets) == 0 || ids[p.ID] {
			t.Errorf("panel %d, %q: want an ID of its own, title, description, query and the data source %v", p.ID, p.Title, chosen)
		}
		ids[p.ID] = true
	}
}

// Grafana moves panels that overlap, each time to other places.
func TestPanelsLieApart(t *testing.T) {
	d, _ := overview(t)
	taken := map[[2]int]string{}
	for _, p := range d.Panels {
		g := p.GridPos
		if g.X < 0 || g.Y < 0 || g.W < 1 || g.H < 1 || g.X+g.W > 24 {
			t.Errorf("%s: %+v isn't within 24 columns", p.Title, g)
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other, ok := taken[[2]int{x, y}]; ok {
					t.Fatalf("%s overlaps %s", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}

func TestQueriesAreTheHubs(t *testing.T) {
	d, _ := overview(t)
	for _, p := range d.Panels {
		for _, text := range p.Targets {
			q := readTarget(t, text)
			if q.RefID == "" || q.Datasource != chosen {
				t.Errorf("%s: want a refId and the data source %v, got %s", p.Title, chosen, text)
			}
			check(t, q)
		}
	}
	for _, v := range d.Templating.List {
		if v.Type != "query" {
			continue
		}
		q := readTarget(t, v.Query)
		if q.Question != api.QuestionLabels || string(q.Label) != v.Name || v.Datasource != chosen {
			t.Errorf("variable %s: got %s of %v", v.Name, v.Query, v.Datasource)
		}
		check(t, q)
	}
}

func check(t *testing.T, q target) {
	t.Helper()
	filled, err := filled(q).Expand()
	if err == nil {
		err = filled.Check()
	}
	if err != nil {
		t.Errorf("%+v: %v", q.PanelQuery, err)
	}
}

// filled is q with variables as Grafana fills them in where nobody chose: All.
func filled(q target) api.PanelQuery {
	for _, list := range []*[]string{&q.Regions, &q.Services, &q.Targets, &q.Codes} {
		*list = slices.Clone(*list)
		for i, text := range *list {
			if strings.HasPrefix(text, "$") {
				(*list)[i] = "$__all"
			}
		}
	}
	q.TraceID = strings.ReplaceAll(q.TraceID, "$trace", strings.Repeat("ab", 16))
	return q.PanelQuery
}

func TestVariables(t *testing.T) {
	d, text := overview(t)
	var names []string
	for _, v := range d.Templating.List {
		names = append(names, v.Name)
		if v.Label == "" || v.Description == "" {
			t.Errorf("%s: want a label and a description", v.Name)
		}
		// The list of all codes would select no run that is well.
		if v.Type == "query" && (!v.Multi || !v.IncludeAll || v.AllValue != "$__all") {
			t.Errorf("%s: want several values, and All for everything", v.Name)
		}
	}
	if want := []string{"datasource", "region", "service", "target", "code", "trace"}; !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
	used := regexp.MustCompile(`\$([a-z]\w*)|\$\{([a-z]\w*)[:}]|[?&]var-(\w+)=`)
	for _, m := range used.FindAllStringSubmatch(text, -1) {
		if name := m[1] + m[2] + m[3]; !slices.Contains(names, name) {
			t.Errorf("%s: there is no variable %s", m[0], name)
		}
	}
}

func TestLinksLeadSomewhere(t *testing.T) {
	d, text := overview(t)
	links := regexp.MustCompile(`"url": "([^"]*)"`).FindAllStringSubmatch(text, -1)
	if len(links) < 3 {
		t.Fatalf("got %d links", len(links))
	}
	for _, m := range links {
		rest, ok := strings.CutPrefix(m[1], "/d/"+d.UID+"?")
		if !ok || !strings.Contains(rest, "${__url_time_range}") || !strings.Contains(rest, "${datasource:queryparam}") {
			t.Errorf("%s: want this dashboard, its time range and its data source", m[1])
		}
		_, view, ok := strings.Cut(rest, "viewPanel=")
		id, _ := strconv.Atoi(strings.SplitN(view, "&", 2)[0])
		if ok && !slices.ContainsFunc(d.Panels, func(p panel) bool { return p.ID == id }) {
			t.Errorf("%s: there is no panel %d", m[1], id)
		}
	}
}

// An outcome has one colour wherever it is shown, and silence is never green.
func TestOutcomesHaveOneColour(t *testing.T) {
	_, text := overview(t)
	want := map[string]string{"ok": "green", "degraded": "yellow", "failed": "red", "unknown": "purple", "silent": "#808a96"}
	for _, o := range append(slices.Clip(probes.Outcomes), api.Silent) {
		if want[string(o)] == "" {
			t.Errorf("%s has no colour", o)
		}
	}
	var tree any
	if err := json.Unmarshal([]byte(text), &tree); err != nil {
		t.Fatal(err)
	}
	found := 0
	for options := range mappings(tree) {
		found++
		got := map[string]string{}
		for state, result := range options {
			r := result.(map[string]any)
			got[state], _ = r["color"].(string)
			if r["text"] != state {
				t.Errorf("%s is called %v", state, r["text"])
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	}
	if found != 3 {
		t.Errorf("got %d mappings of outcomes, want them in the timeline and both tables", found)
	}
}

// mappings yields the value mappings of outcomes below v.
func mappings(v any) func(func(map[string]any) bool) {
	return func(yield func(map[string]any) bool) { walkMappings(v, yield) }
}

func walkMappings(v any, yield func(map[string]any) bool) bool {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			if !walkMappings(x, yield) {
				return false
			}
		}
	case map[string]any:
		options, _ := v["options"].(map[string]any)
		if _, ok := options["failed"]; v["type"] == "value" && ok {
			return yield(options)
		}
		for _, x := range v {
			if !walkMappings(x, yield) {
				return false
			}
		}
	}
	return true
}
