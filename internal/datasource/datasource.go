// Package datasource answers Grafana: the questions of package api as data
// frames. It is the only importer of Grafana's plugin SDK.
//
// Every query has its own answer or its own error, which says whether the hub
// (downstream) or the question (plugin) is to blame and how to mend it.
package datasource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/instancemgmt"
	"github.com/grafana/grafana-plugin-sdk-go/backend/resource/httpadapter"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/grafana/grafana-plugin-sdk-go/experimental/concurrent"

	"github.com/sonde-media/sonde/internal/api"
)

// ID is the plugin's, as in plugin.json.
const ID = "sonde-media-datasource"

// atOnce is how many queries of one request are asked at the same time.
const atOnce = 5

// A Source is one data source as somebody configured it. Its methods may be
// called by several goroutines.
type Source struct {
	backend.CallResourceHandler

	settings settings
	client   *api.Client // nil where bad isn't
	bad      error       // why the settings are of no use
}

// New returns the data source that s describes. It never fails, for Grafana
// shows people nothing of why: settings that are of no use are told by each
// answer instead.
func New(ctx context.Context, s backend.DataSourceInstanceSettings) (instancemgmt.Instance, error) {
	d := &Source{}
	d.settings, d.client, d.bad = configure(ctx, s)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /labels", d.labelValues)
	d.CallResourceHandler = httpadapter.New(mux)
	return d, nil
}

// Dispose closes idle connections, when the settings have changed.
func (d *Source) Dispose() {
	if d.client != nil {
		d.client.Close()
	}
}

// QueryData answers each query, the good ones whatever becomes of the others.
func (d *Source) QueryData(ctx context.Context, req *backend.QueryDataRequest) (*backend.QueryDataResponse, error) {
	return concurrent.QueryData(ctx, req, func(ctx context.Context, q concurrent.Query) backend.DataResponse {
		frames, err := d.answer(ctx, q.DataQuery)
		if err != nil {
			return d.trouble(err).response()
		}
		return backend.DataResponse{Frames: frames, Status: backend.StatusOK}
	}, atOnce)
}

// A question is a query, ready to be put.
type question struct {
	panel api.PanelQuery
	api.Query
	interval time.Duration // that the panel's points should have at least
	points   int64         // for which the panel has room; 0: any number
	cut      bool          // the range has been shortened
}

// A badQuestion is one that can't be answered as it was put.
type badQuestion struct{ error }

func (d *Source) answer(ctx context.Context, dq backend.DataQuery) (data.Frames, error) {
	if d.bad != nil {
		return nil, d.bad
	}
	q, err := read(dq, time.Now())
	if err != nil {
		return nil, badQuestion{err}
	}
	ctx, cancel := context.WithTimeout(ctx, d.settings.timeout)
	defer cancel()
	frames, err := d.frames(ctx, q)
	if err != nil {
		return nil, err
	}
	if q.cut {
		frames[0].AppendNotices(data.Notice{
			Severity: data.NoticeSeverityWarning,
			Text:     fmt.Sprintf("Only the last %d days of the range are shown: a hub answers no longer one.", int(api.MaxRange.Hours()/24)),
		})
	}
	return frames, nil
}

// frames returns at least one frame.
func (d *Source) frames(ctx context.Context, q question) (data.Frames, error) {
	switch q.panel.Question {
	case api.QuestionMatrix:
		return d.matrix(ctx, q)
	case api.QuestionSeries:
		return d.series(ctx, q)
	case api.QuestionRuns:
		return d.runs(ctx, q)
	case api.QuestionTrace:
		return d.trace(ctx, q)
	case api.QuestionLabels:
		return d.labels(ctx, q)
	}
	return nil, badQuestion{fmt.Errorf("question: nobody answers %q", q.panel.Question)}
}

func read(dq backend.DataQuery, now time.Time) (question, error) {
	var q question
	var err error
	if err := json.Unmarshal(dq.JSON, &q.panel); err != nil {
		return q, fmt.Errorf("read the query: %w", unwrapped(err))
	}
	if q.panel, err = q.panel.Expand(); err == nil {
		err = q.panel.Check()
	}
	if err != nil {
		return q, errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	from, to := dq.TimeRange.From, dq.TimeRange.To
	if to.After(now) && from.Before(now) {
		to = now // seen from the future, everybody has fallen silent
	}
	if q.cut = to.Sub(from) > api.MaxRange; q.cut {
		from = to.Add(-api.MaxRange)
	}
	if !from.Before(to) {
		return q, errors.New("the range is empty: its begin must be before its end")
	}
	q.Query = q.panel.Query(from, to, 0)
	q.interval, q.points = dq.Interval, dq.MaxDataPoints
	return q, nil
}

// unwrapped says what is wrong with JSON in the words of those who write it.
func unwrapped(err error) error {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%s: want %s, got a %s", e.Field, e.Type, e.Value)
	}
	return err
}
