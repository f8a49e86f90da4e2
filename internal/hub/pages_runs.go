package hub

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

// maxRows is how many runs one page shows at most.
const maxRows = 2000

type runsView struct {
	Now      time.Time
	Runs     []api.Run
	Total    int
	More     string // the page with more of them; "" where all are shown or too many
	Ranges   []choice
	Filters  []choice
	Fields   []field
	Outcomes []choice
	Keep     []hidden // what the form carries on
	Codes    []probes.Code
}

// A field of the form that filters runs. A second value of one name can be
// had by the address only; the form keeps the first.
type field struct {
	Name, Value, List string
}

type hidden struct{ Name, Value string }

func (s *site) runs(r *http.Request) (*page, error) {
	params := r.URL.Query()
	q, err := s.query(params)
	if err != nil {
		return nil, err
	}
	q.Limit = min(q.Limit, maxRows)
	list, err := s.src.Runs(r.Context(), q)
	if err != nil {
		return nil, err
	}
	v := newRuns(list, params)
	v.Now = q.To
	v.More = more(params, q.Limit, len(list.Runs), list.Total)
	return &page{template: "runs", Section: "runs", Title: count(list.Total, "run"), Icon: "ok", Body: v}, nil
}

func newRuns(list api.Runs, params url.Values) *runsView {
	v := &runsView{
		Runs: list.Runs, Total: list.Total, Codes: probes.Codes(),
		Ranges: ranges("/runs", params), Filters: filters("/runs", params),
	}
	for _, name := range []string{"region", "target", "code", "culprit"} {
		f := field{Name: name, Value: params.Get(name)}
		if name == "code" {
			f.List = "codes"
		}
		v.Fields = append(v.Fields, f)
	}
	for _, o := range probes.Outcomes {
		v.Outcomes = append(v.Outcomes, choice{Text: string(o), Current: params.Get("outcome") == string(o)})
	}
	for _, name := range []string{"from", "to", "service", "kind"} {
		for _, value := range params[name] {
			v.Keep = append(v.Keep, hidden{name, value})
		}
	}
	return v
}

func more(params url.Values, limit, shown, total int) string {
	if shown >= total || limit >= maxRows {
		return ""
	}
	return link("/runs", params, func(v url.Values) { v.Set("limit", strconv.Itoa(min(4*limit, maxRows))) })
}
