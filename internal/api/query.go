// Package api is the one query model: what hub, data source, status page and
// command line share. A question is a GET of /api/v1/NAME with a [Query] as
// its parameters; the answers are the types of this package as JSON.
//
//	GET /api/v1/matrix            Matrix   region × target: outcome now, runs and failures in the range
//	GET /api/v1/series            Series   runs by outcome over time, by region
//	GET /api/v1/runs              Runs     newest first, by filter
//	GET /api/v1/traces/{traceID}  Trace    the spans of one run
//	GET /api/v1/labels            Labels   values to filter by
//	GET /api/v1/agents            Agents   who reports, when last, and how each does
//	GET /api/v1/config            YAML     the configuration for agents, with an ETag
//	GET /api/v1/incidents         Incidents       what overlaps the range, the newest first; also by state=open or resolved
//	GET /api/v1/incidents/{id}    IncidentDetail  all that is known of one
//	POST …/incidents/{id}/notes   Note            what an operator says of it, a Note as JSON
//	GET /api/v1/impact?of=        Impact          what stands behind a host or a certificate; of nothing: all, by expiry
//	GET /api/v1/summary           Summary         what the public may know: services, 90 days of each, incidents in plain words
//
// A request that fails is answered by an [Error] and a status of 4xx or 5xx.
package api

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A Query selects runs. The zero Query selects all runs of the last hour.
type Query struct {
	From     time.Time     `json:"from"` // included; zero: one hour before To
	To       time.Time     `json:"to"`   // excluded; zero: now
	Regions  []string      `json:"regions,omitempty"`
	Targets  []string      `json:"targets,omitempty"`
	Services []string      `json:"services,omitempty"`
	Kinds    []string      `json:"kinds,omitempty"`
	Outcomes []string      `json:"outcomes,omitempty"`
	Codes    []string      `json:"codes,omitempty"`
	Culprits []string      `json:"culprits,omitempty"`
	Step     time.Duration `json:"step,omitempty"`  // width of a series' bucket; 0: chosen by the range
	Limit    int           `json:"limit,omitempty"` // of runs; 0: DefaultLimit
}

// Limits of a query.
const (
	DefaultRange = time.Hour
	MaxRange     = 400 * 24 * time.Hour
	DefaultLimit = 100
	MaxLimit     = 10_000
	MaxBuckets   = 2_000
)

// maxUnix is the begin of the year 3000, past which a number is no time.
const maxUnix = 32503680000

// lists names the parameters that may occur several times.
func (q *Query) lists() map[string]*[]string {
	return map[string]*[]string{
		"region": &q.Regions, "target": &q.Targets, "service": &q.Services, "kind": &q.Kinds,
		"outcome": &q.Outcomes, "code": &q.Codes, "culprit": &q.Culprits,
	}
}

// Values returns q as URL parameters: from and to in RFC 3339, step as a Go
// duration, region, target, service, kind, outcome, code and culprit once a value.
func (q Query) Values() url.Values {
	v := url.Values{}
	for name, list := range q.lists() {
		if len(*list) > 0 {
			v[name] = *list
		}
	}
	if !q.From.IsZero() {
		v.Set("from", q.From.UTC().Format(time.RFC3339Nano))
	}
	if !q.To.IsZero() {
		v.Set("to", q.To.UTC().Format(time.RFC3339Nano))
	}
	if q.Step > 0 {
		v.Set("step", q.Step.String())
	}
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	return v
}

// ParseQuery reads what Values wrote, fills in defaults relative to now and
// checks the limits. Times may also be Unix seconds, or a duration such as
// "-15m" before now. All errors are reported, unknown parameters included.
func ParseQuery(v url.Values, now time.Time) (Query, error) {
	var q Query
	var errs []error
	lists := q.lists()
	for name, values := range v {
		if list := lists[name]; list != nil {
			*list = values
			continue
		}
		if err := q.set(name, values[0], now); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	q.fill(now)
	errs = append(errs, q.check()...)
	return q, errors.Join(errs...)
}

func (q *Query) set(name, value string, now time.Time) (err error) {
	switch name {
	case "from":
		q.From, err = parseTime(value, now)
	case "to":
		q.To, err = parseTime(value, now)
	case "step":
		q.Step, err = time.ParseDuration(value)
	case "limit":
		q.Limit, err = strconv.Atoi(value)
	default:
		err = errors.New("unknown parameter")
	}
	return err
}

func (q *Query) fill(now time.Time) {
	if q.To.IsZero() {
		q.To = now
	}
	if q.From.IsZero() {
		q.From = q.To.Add(-DefaultRange)
	}
	if q.Limit == 0 {
		q.Limit = DefaultLimit
	}
	if q.Step == 0 {
		q.Step = niceStep(q.To.Sub(q.From))
	}
}

func (q *Query) check() (errs []error) {
	span := q.To.Sub(q.From)
	switch {
	case span <= 0:
		errs = append(errs, errors.New("from: must be before to"))
	case span > MaxRange:
		errs = append(errs, fmt.Errorf("from: the range is longer than %d days", int(MaxRange.Hours()/24)))
	case q.Step <= 0 || span/q.Step > MaxBuckets:
		errs = append(errs, fmt.Errorf("step: must be positive and cut the range into at most %d buckets", MaxBuckets))
	}
	if q.Limit < 0 || q.Limit > MaxLimit {
		errs = append(errs, fmt.Errorf("limit: must be from 1 to %d", MaxLimit))
	}
	return errs
}

func parseTime(s string, now time.Time) (time.Time, error) {
	if secs, err := strconv.ParseFloat(s, 64); err == nil && secs >= 0 && secs < maxUnix {
		return time.UnixMicro(int64(secs * 1e6)), nil
	}
	if d, err := time.ParseDuration(s); err == nil && strings.HasPrefix(s, "-") {
		return now.Add(d), nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return t, fmt.Errorf("want RFC 3339, Unix seconds or a duration such as -15m, got %q", s)
	}
	return t, nil
}

// niceStep cuts a range into some hundred buckets of a width people use.
func niceStep(span time.Duration) time.Duration {
	for _, step := range []time.Duration{
		time.Second, 10 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute,
		time.Hour, 6 * time.Hour,
	} {
		if span/step <= 150 {
			return step
		}
	}
	return 24 * time.Hour
}
