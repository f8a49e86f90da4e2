package hub

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/incident"
)

// incidents answers which overlap a range and match a query's lists.
func (h *Hub) incidents(r *http.Request) (any, error) {
	pick, err := newPick(r.URL.Query(), time.Now())
	if err != nil {
		return nil, badQuery{err}
	}
	all := h.Incidents(pick.now)
	if all == nil {
		return nil, errReading
	}
	answer := api.Incidents{Incidents: []api.Incident{}}
	for _, i := range all {
		if pick.takes(&i) && (pick.limit == 0 || len(answer.Incidents) < pick.limit) {
			answer.Incidents = append(answer.Incidents, i)
		}
	}
	return answer, nil
}

// A pick says which incidents are wanted.
type pick struct {
	api.Query
	now             time.Time
	state, severity string
	limit           int // 0: none
}

// newPick reads a query, which may name a state and a severity besides.
func newPick(v url.Values, now time.Time) (p pick, err error) {
	p = pick{now: now, state: v.Get("state"), severity: v.Get("severity")}
	v.Del("state")
	v.Del("severity")
	if p.Query, err = api.ParseQuery(v, now); v.Has("limit") {
		p.limit = p.Limit
	}
	for name, list := range map[string][]string{"step": nil, "kind": p.Kinds, "outcome": p.Outcomes} {
		if list != nil || name == "step" && v.Has(name) {
			err = errors.Join(err, fmt.Errorf("%s: incidents can't be asked for by it", name))
		}
	}
	if p.state != "" && p.state != api.StateOpen && p.state != api.StateResolved {
		err = errors.Join(err, fmt.Errorf("state: want %s or %s, got %q", api.StateOpen, api.StateResolved, p.state))
	}
	severities := []string{"", api.SeverityCritical, api.SeverityMajor, api.SeverityWarning}
	if !slices.Contains(severities, p.severity) {
		err = errors.Join(err, fmt.Errorf("severity: want one of %s, got %q", strings.Join(severities[1:], ", "), p.severity))
	}
	return p, err
}

func (p *pick) takes(i *api.Incident) bool {
	switch {
	case !i.FirstFailure.Before(p.To), i.Resolved != nil && i.Resolved.Before(p.From),
		p.state == api.StateOpen && i.Resolved != nil, p.state == api.StateResolved && i.Resolved == nil,
		p.severity != "" && p.severity != i.Severity:
		return false
	}
	return anyOf(p.Regions, i.Regions) && anyOf(p.Targets, i.Targets) && anyOf(p.Services, i.Services) &&
		anyOf(p.Culprits, i.Hosts) && anyOf(p.Codes, []string{string(i.Code)})
}

// anyOf reports whether one of wanted is there, or nothing is wanted.
func anyOf(wanted, there []string) bool {
	return len(wanted) == 0 || slices.ContainsFunc(wanted, func(w string) bool { return slices.Contains(there, w) })
}

// errNoIncident says that an ID leads nowhere.
type errNoIncident string

func (id errNoIncident) Error() string {
	return fmt.Sprintf("no incident has the ID %q, or it is older than the hub keeps", string(id))
}

func (id errNoIncident) Is(target error) bool { return target == fs.ErrNotExist }

// find returns the incident whose ID is id, or alone begins with it.
func (h *Hub) find(id string) (found api.Incident, err error) {
	all := h.Incidents(time.Now())
	if all == nil {
		return found, errReading
	}
	n := 0
	for _, i := range all {
		if i.ID == id {
			return i, nil
		}
		if id != "" && strings.HasPrefix(i.ID, strings.ToLower(id)) {
			found, n = i, n+1
		}
	}
	switch n {
	case 0:
		return found, errNoIncident(id)
	case 1:
		return found, nil
	}
	return found, badQuery{fmt.Errorf("%d incidents have IDs that begin with %q: give more of it", n, id)}
}

// impact answers what stands behind a host or a certificate.
func (h *Hub) impact(r *http.Request) (any, error) {
	for name := range r.URL.Query() {
		if name != "of" {
			return nil, badQuery{fmt.Errorf("%s: unknown parameter", name)}
		}
	}
	return h.Impact(r.Context(), r.URL.Query().Get("of"))
}

// Impact returns what stands behind a host, a certificate, a CDN, an address
// block or a zone, "" everything. Shows whose feeds list the host stand behind
// it too, where none of their episodes there was probed.
func (h *Hub) Impact(ctx context.Context, of string) (a api.Impact, err error) {
	now := time.Now()
	var all []incident.Watched
	var hosts []string
	err = h.folded(func(f *incident.Fold) {
		a, all, hosts = f.Impact(of, now), f.Watched(now), f.Hosts(of)
	})
	if err != nil {
		return a, err
	}
	if of != "" {
		hosts = append(hosts, strings.ToLower(of))
	}
	known, err := h.showsOf(ctx, all)
	if err != nil {
		return a, err
	}
	entries := map[string]api.ImpactTarget{}
	for _, t := range a.Targets {
		entries[t.Target] = t
	}
	a.Targets = []api.ImpactTarget{}
	for i, s := range affectedShows(all, known, hosts) {
		t, probed := entries[s.Target]
		if !probed && (s.Enclosures == 0 || of == "") {
			continue
		}
		if w := all[i]; !probed {
			t = api.ImpactTarget{Kind: w.Kind, Regions: w.Regions, LastSeen: w.LastSeen, Failing: w.Failing}
		}
		t.AffectedShow = s
		a.Targets = append(a.Targets, t)
	}
	a.Services, a.Publishers = a.Services[:0], a.Publishers[:0]
	for _, t := range a.Targets {
		a.Services, a.Publishers = append(a.Services, t.Service), append(a.Publishers, t.Publisher)
	}
	a.Services, a.Publishers = sorted(a.Services), sorted(a.Publishers)
	return a, nil
}

// sorted returns what is there once, in order.
func sorted(all []string) []string {
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(s string) bool { return s == "" })
}

// Limits of notes.
const (
	maxNote     = 64 << 10 // bytes of a request
	maxNoteText = 4000     // characters of each text
	noteSkew    = 24 * time.Hour
)

// notes takes what an operator says of an incident.
func (h *Hub) notes() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", "POST")
			refuse(w, http.StatusMethodNotAllowed, "notes are added by POST and read with their incident")
			return
		}
		if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
			refuse(w, http.StatusUnsupportedMediaType, "a note comes as application/json")
			return
		}
		n, err := readNote(http.MaxBytesReader(w, r.Body, maxNote), time.Now())
		if err == nil {
			err = h.addNote(r.PathValue("id"), n)
		}
		if err != nil {
			h.refuseError(w, r, err)
			return
		}
		writeJSON(w, http.StatusOK, n)
	})
}

// errNoRecords says that a hub has nowhere to keep a note.
var errNoRecords = errors.New("this hub keeps no records")

func (h *Hub) addNote(id string, n api.Note) error {
	i, err := h.find(id)
	switch {
	case err != nil:
		return err
	case h.gate.records == nil:
		return errNoRecords
	}
	return h.gate.records.AddNote(i.ID, n)
}

func readNote(body io.Reader, now time.Time) (n api.Note, err error) {
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	if err := d.Decode(&n); err != nil {
		return n, badQuery{fmt.Errorf("the note is no JSON as api.Note has it: %w", err)}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return n, badQuery{errors.New("the note is one JSON document, and nothing after it")}
	}
	if n.At.IsZero() {
		n.At = now
	}
	n.At = n.At.UTC()
	n.Text, n.Workaround = strings.TrimSpace(n.Text), strings.TrimSpace(n.Workaround)
	var errs []error
	if n.Text == "" && n.Workaround == "" && n.Estimate == nil {
		errs = append(errs, errors.New("text: a note says something"))
	}
	if max(len([]rune(n.Text)), len([]rune(n.Workaround))) > maxNoteText {
		errs = append(errs, fmt.Errorf("text: longer than %d characters", maxNoteText))
	}
	if n.At.Sub(now).Abs() > noteSkew {
		errs = append(errs, errors.New("at: more than a day from now"))
	}
	if n.Estimate != nil && n.Estimate.Sub(now).Abs() > 366*24*time.Hour {
		errs = append(errs, errors.New("estimate: more than a year from now"))
	}
	if err := errors.Join(errs...); err != nil {
		return n, badQuery{err}
	}
	return n, nil
}

// notesOf are the notes about an incident, the oldest first.
func (h *Hub) notesOf(id string) ([]api.Note, error) {
	if h.gate.records == nil {
		return []api.Note{}, nil
	}
	return h.gate.records.Notes(id)
}

func newestFirst(a, b api.Run) int {
	return cmp.Or(b.Started.Compare(a.Started), strings.Compare(a.TraceID, b.TraceID))
}
