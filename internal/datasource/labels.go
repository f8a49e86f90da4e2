package datasource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sonde-media/sonde/internal/api"
)

// hubLabels asks for the values of all labels.
func (d *Source) hubLabels(ctx context.Context, q api.Query) (api.Labels, error) {
	l, err := d.client.Labels(ctx, q)
	if err == nil && l.Regions == nil {
		err = errNotHub
	}
	return l, err
}

func (d *Source) labels(ctx context.Context, q question) (data.Frames, error) {
	all, err := d.hubLabels(ctx, q.Query)
	if err != nil {
		return nil, err
	}
	v := bounded(q.panel.Label, all.Of(q.panel.Label))
	f := asked(table("labels", column{name: string(q.panel.Label), values: v.Values}), "labels", q.Query)
	if v.Total > len(v.Values) {
		f.AppendNotices(info(fmt.Sprintf("The first %s of %s values are listed: narrow the filters.", thousands(len(v.Values)), thousands(v.Total))))
	}
	return data.Frames{f}, nil
}

func bounded(l api.Label, values []string) api.LabelValues {
	v := api.LabelValues{Label: l, Values: values, Total: len(values)}
	v.Values = append([]string{}, v.Values[:min(v.Total, api.MaxLabelValues)]...)
	return v
}

// labelValues answers GET labels?label=region by an api.LabelValues. search
// selects the values that contain it; from, to and filters are those of the
// hub's API.
func (d *Source) labelValues(w http.ResponseWriter, r *http.Request) {
	v, err := d.values(r.Context(), r.URL.Query())
	if err != nil {
		t := d.trouble(err)
		writeJSON(w, resourceStatus(t.status), api.Error{Error: capital(t.text)})
		return
	}
	writeJSON(w, http.StatusOK, v)
}

func (d *Source) values(ctx context.Context, params url.Values) (api.LabelValues, error) {
	if d.bad != nil {
		return api.LabelValues{}, d.bad
	}
	label, search := api.Label(params.Get("label")), strings.ToLower(params.Get("search"))
	params.Del("label")
	params.Del("search")
	if !slices.Contains(api.LabelNames, label) {
		return api.LabelValues{}, badQuestion{fmt.Errorf("label: want one of %v, got %q", api.LabelNames, label)}
	}
	q, err := ranged(params, time.Now())
	if err != nil {
		return api.LabelValues{}, badQuestion{err}
	}
	ctx, cancel := context.WithTimeout(ctx, d.settings.timeout)
	defer cancel()
	all, err := d.hubLabels(ctx, q)
	if err != nil {
		return api.LabelValues{}, err
	}
	found := slices.DeleteFunc(all.Of(label), func(v string) bool { return !strings.Contains(strings.ToLower(v), search) })
	return bounded(label, found), nil
}

// ranged reads a query whose range may be too long.
func ranged(params url.Values, now time.Time) (api.Query, error) {
	q, err := api.ParseQuery(params, now)
	if err != nil && q.To.Sub(q.From) > api.MaxRange {
		params.Set("from", q.To.Add(-api.MaxRange).Format(time.RFC3339Nano))
		q, err = api.ParseQuery(params, now)
	}
	if err != nil {
		return q, errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	q.Step = 0
	return q, nil
}

// resourceStatus keeps what the hub denies apart from what Grafana denies: a
// browser that gets 401 logs its user out.
func resourceStatus(s backend.Status) int {
	if s == backend.StatusUnauthorized || s == backend.StatusForbidden {
		return http.StatusBadGateway
	}
	return int(s)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(body)
}
