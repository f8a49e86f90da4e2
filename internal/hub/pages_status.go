package hub

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

type statusView struct {
	Headline
	Now      time.Time // the end of the range: what ages count from
	Present  *nowView
	Failing  []*group // told at length: those that no incident explains
	More     []*group // failing too, told in a line each
	Warnings []*group
	Earlier  []*group
	Silences []silence
	Agents   int // that reported within a day
	Columns  []column
	Services []service
	Width    int // of the matrix, in columns
	Ranges   []choice
	Filters  []choice // what is selected; each leads to the page without it
	RunsURL  string   // the runs of the same selection
	Hub      string   // this hub's address, for an agent
	Empty    bool
	Paused   bool
	Toggle   string // stops the page's refreshing, or starts it again
}

// A column is one region of the matrix.
type column struct {
	Region string
	Heard  time.Time // its newest run
	Silent bool
}

// A service is its targets, one row each.
type service struct {
	Name    string
	Failing int // targets
	Rows    []row
}

type row struct {
	api.TargetInfo
	Href  string
	Cells []cell
}

// A cell is one target seen from one region.
type cell struct {
	Region string
	State  string // an outcome, silent or noRuns
	Word   string
	When   string
	Ratio  string // of failed runs; "" where none failed
	Href   string
}

// A choice is a link that changes the page's selection.
type choice struct {
	Text    string
	Href    string
	Current bool
}

func (s *site) status(r *http.Request) (*page, error) {
	params := r.URL.Query()
	paused := params.Get("refresh") == "off"
	params.Del("refresh")
	q, err := s.query(params)
	if err != nil {
		return nil, err
	}
	if len(q.Outcomes)+len(q.Codes)+len(q.Culprits) > 0 {
		return &page{elsewhere: link("/runs", params, func(url.Values) {})}, nil // a part of the outcomes is no status
	}
	m, err := s.matrix(r.Context(), q)
	if err != nil {
		return nil, err
	}
	agents, err := s.src.Agents(r.Context(), q)
	if err != nil {
		return nil, err
	}
	v := newStatus(&m, agents.Agents, params)
	if err := s.addPresent(r, v); err != nil {
		return nil, err
	}
	if len(v.Failing) > fullGroups {
		v.Failing, v.More = v.Failing[:fullGroups], v.Failing[fullGroups:]
	}
	v.Hub, v.Paused, v.Toggle = address(r), paused, toggle(params, paused)
	p := &page{
		template: "status", Section: "status",
		Title: symbol(v.State) + " " + v.Text, Icon: v.State, Body: v,
	}
	if !paused {
		p.Refresh = refreshSeconds
	}
	return p, nil
}

func newStatus(m *api.Matrix, agents []api.Agent, params url.Values) *statusView {
	v := &statusView{
		Now: m.To, Empty: len(m.Cells) == 0,
		Failing: failing(m), Warnings: warnings(m), Earlier: recovered(m), Silences: silences(m, agents), Agents: len(agents),
		Columns: columns(m, agents), Services: services(m, params), Width: len(m.Regions) + 1,
		Ranges: ranges("/", params), Filters: filters("/", params), RunsURL: "/runs?" + params.Encode(),
	}
	v.Headline = headline(m, v)
	return v
}

// addPresent adds incidents and services, as long as all is asked for up to
// now.
func (s *site) addPresent(r *http.Request, v *statusView) error {
	v.Present = &nowView{}
	if len(v.Filters) > 0 {
		return nil
	}
	present, open, err := s.present(r.Context(), s.now())
	if err != nil {
		return err
	}
	v.Present = present
	v.Silences = slices.DeleteFunc(v.Silences, func(q silence) bool { return q.All && slices.ContainsFunc(open, q.told) })
	v.Failing, v.Warnings = without(v.Failing, open), without(v.Warnings, open)
	return nil
}

// address is where this hub was asked, as an agent would have to name it.
func address(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

func toggle(params url.Values, paused bool) string {
	return link("/", params, func(v url.Values) {
		if !paused {
			v.Set("refresh", "off")
		}
	})
}

func columns(m *api.Matrix, agents []api.Agent) []column {
	list := make([]column, len(m.Regions))
	for i, r := range m.Regions {
		list[i] = column{Region: r.Name, Silent: true}
		for _, c := range m.Cells {
			if c.Region != r.Name {
				continue
			}
			list[i].Silent = list[i].Silent && c.Silent
			if c.Newest.Started.After(list[i].Heard) {
				list[i].Heard = c.Newest.Started
			}
		}
		if last, quiet := allSilent(agents, r.Name); quiet {
			list[i].Silent, list[i].Heard = true, last
		}
	}
	return list
}

// services draws the matrix, its targets grouped as the public knows them.
func services(m *api.Matrix, params url.Values) (list []service) {
	byTarget := map[string]map[string]api.Cell{}
	for _, c := range m.Cells {
		if byTarget[c.Target] == nil {
			byTarget[c.Target] = map[string]api.Cell{}
		}
		byTarget[c.Target][c.Region] = c
	}
	for _, t := range m.Targets {
		i := slices.IndexFunc(list, func(s service) bool { return s.Name == t.Service })
		if i < 0 {
			i = len(list)
			list = append(list, service{Name: t.Service})
		}
		one := newRow(m, t, byTarget[t.Name], params)
		if slices.ContainsFunc(one.Cells, func(c cell) bool { return c.State == string(probes.Failed) }) {
			list[i].Failing++
		}
		list[i].Rows = append(list[i].Rows, one)
	}
	return list
}

func newRow(m *api.Matrix, t api.TargetInfo, byRegion map[string]api.Cell, params url.Values) row {
	one := row{TargetInfo: t, Href: link("/runs", params, func(v url.Values) { v.Set("target", t.Name) })}
	for _, r := range m.Regions {
		c, ok := byRegion[r.Name]
		if !ok {
			one.Cells = append(one.Cells, cell{Region: r.Name, State: noRuns, Word: "no runs"})
			continue
		}
		one.Cells = append(one.Cells, newCell(c, m.To))
	}
	return one
}

func newCell(c api.Cell, now time.Time) cell {
	v := cell{
		Region: c.Region,
		State:  string(c.Newest.Outcome),
		Word:   string(c.Newest.Outcome),
		When:   span(now.Sub(c.Newest.Started)) + " ago",
		Href:   "/runs/" + url.PathEscape(c.Newest.TraceID),
	}
	if c.Failing != nil {
		v.Href = "/runs/" + url.PathEscape(c.Failing.TraceID)
	}
	if c.Counts.Failed > 0 {
		v.Ratio = percent(c.Counts.FailureRatio()) + " failed"
	}
	switch {
	case c.Paused:
		v.State, v.Word, v.When = paused, paused, "last run "+v.When
	case c.Silent:
		v.State, v.Word, v.When = silent, silent, "for "+span(now.Sub(c.Newest.Started))
	case c.Newest.Outcome == probes.Failed:
		v.Word, v.When = string(c.Newest.Code), "for "+span(now.Sub(failedSince(c)))
	case c.Newest.Outcome == probes.Degraded:
		v.Word = firstWarning(c.Newest)
	case c.Newest.Outcome == probes.Unknown && c.Newest.Code != "":
		v.Word = string(c.Newest.Code)
	}
	return v
}

func firstWarning(r api.Run) string {
	for _, f := range r.Findings {
		if f.Warns() {
			return string(f.Code)
		}
	}
	return string(r.Outcome)
}

// ranges offers the spans of time that people ask for.
func ranges(path string, params url.Values) (list []choice) {
	from := params.Get("from")
	for _, text := range []string{"15m", "1h", "6h", "24h"} {
		list = append(list, choice{
			Text: text,
			Href: link(path, params, func(v url.Values) {
				v.Del("to")
				v.Set("from", "-"+text)
			}),
			Current: !params.Has("to") && (from == "-"+text || from == "" && text == "1h"),
		})
	}
	return list
}

// filters tells what is selected besides the range.
func filters(path string, params url.Values) (list []choice) {
	for _, name := range []string{"region", "target", "service", "kind", "outcome", "code", "culprit", "from", "to"} {
		for i, value := range params[name] {
			if name == "from" && !params.Has("to") {
				continue
			}
			list = append(list, choice{Text: name + " " + value, Href: link(path, params, func(v url.Values) {
				v[name] = slices.Delete(slices.Clone(v[name]), i, i+1)
			})})
		}
	}
	return list
}

// link is path with params as change leaves them.
func link(path string, params url.Values, change func(url.Values)) string {
	v := make(url.Values, len(params))
	for name, values := range params {
		v[name] = values
	}
	change(v)
	if len(v) == 0 {
		return path
	}
	return path + "?" + v.Encode()
}
