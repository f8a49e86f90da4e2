package datasource

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

// colours of what a panel shows of a run. Silence is never green.
var colours = []struct{ state, colour string }{
	{string(probes.OK), "green"},
	{string(probes.Degraded), "yellow"},
	{string(probes.Failed), "red"},
	{string(probes.Unknown), "purple"},
	{api.Silent, "#808a96"},
	{api.Paused, "#5794f2"},
}

// states maps outcomes to colours.
func states() data.ValueMappings {
	m := data.ValueMapper{}
	for i, c := range colours {
		m[c.state] = data.ValueMappingResult{Text: c.state, Color: c.colour, Index: i}
	}
	return data.ValueMappings{m}
}

// A column is a field of a table and how it looks.
type column struct {
	name   string
	values any // a slice of a type that frames have
	data.FieldConfig
}

// table makes a frame of columns. Dashboards know columns by their names,
// people by what they are displayed as.
func table(name string, columns ...column) *data.Frame {
	f := data.NewFrame(name)
	f.Meta = &data.FrameMeta{Type: data.FrameTypeTable, PreferredVisualization: data.VisTypeTable}
	for _, c := range columns {
		if c.DisplayNameFromDS == "" {
			c.DisplayNameFromDS = capital(strings.ReplaceAll(c.name, "_", " "))
		}
		config := c.FieldConfig
		f.Fields = append(f.Fields, data.NewField(c.name, nil, c.values).SetConfig(&config))
	}
	return f
}

// outcome is how a column of outcomes looks.
func outcome() data.FieldConfig {
	return data.FieldConfig{
		Mappings: states(),
		Custom:   map[string]any{"cellOptions": map[string]any{"type": "color-background"}},
	}
}

// traceLinks lead from a trace ID to Explore and to the hub's page.
func (d *Source) traceLinks() data.FieldConfig {
	return data.FieldConfig{DisplayNameFromDS: "Trace", Links: []data.DataLink{
		d.explore("Open the run's trace", api.PanelQuery{Question: api.QuestionTrace, TraceID: "${__value.raw}"}),
		{Title: "Open the run at the hub", URL: d.settings.public + "/runs/${__value.raw}", TargetBlank: true},
	}}
}

// explore is a link that puts q to this data source.
func (d *Source) explore(title string, q api.PanelQuery) data.DataLink {
	return data.DataLink{Title: title, Internal: &data.InternalDataLink{
		DatasourceUID: d.settings.uid, DatasourceName: d.settings.name,
		Query: struct {
			RefID string `json:"refId"`
			api.PanelQuery
		}{"A", q},
	}}
}

// asked notes in a frame what the hub was asked, for the query inspector.
func asked(f *data.Frame, path string, q api.Query) *data.Frame {
	if f.Meta == nil {
		f.Meta = &data.FrameMeta{}
	}
	f.Meta.ExecutedQueryString = "GET /api/v1/" + path
	if v := q.Values().Encode(); v != "" {
		f.Meta.ExecutedQueryString += "?" + v
	}
	return f
}

func info(text string) data.Notice {
	return data.Notice{Severity: data.NoticeSeverityInfo, Text: text}
}

// some returns nil for the zero time, which panels would show as the year 1.
func some(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func thousands(n int) string { return message.NewPrinter(language.English).Sprint(n) }

func capital(text string) string {
	r, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(r)) + text[size:]
}
