package incident

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

// Bounds of a post-mortem.
const (
	fewTargets = 50
	fewShows   = 100
	fewFactors = 10
	fewFacts   = 60
)

// Report is the post-mortem of an incident as of now, in Markdown that can be
// sent as it is. pages is the URL of the hub's pages, for links; "" for none.
func Report(d api.IncidentDetail, pages string, now time.Time) string {
	r := &report{d: d, pages: strings.TrimSuffix(pages, "/"), now: now}
	kind := "Post-mortem"
	if d.Resolved == nil {
		kind = "Open incident"
	}
	r.line("# %s: %s", kind, text(d.Title))
	r.summary()
	r.timeline()
	r.affected()
	r.shows()
	r.cause()
	r.common()
	r.divergences()
	r.evidence()
	r.notes()
	r.advice()
	r.line("\n---\n\nIncident %s, written %s by Sonde from what its agents saw. All times are UTC.", r.link(d.ID, "/incidents/"), stamp(now))
	return blank.ReplaceAllString(r.String(), "\n\n")
}

// blank is more than one empty line.
var blank = regexp.MustCompile(`\n{3,}`)

// A report is one being written.
type report struct {
	markdown
	d     api.IncidentDetail
	pages string
	now   time.Time
}

// stamp is a time as tables show it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

// link leads to a page of the hub, where it is known.
func (r *report) link(id, path string) string {
	if r.pages == "" || strings.Trim(id, "0123456789abcdef") != "" {
		return code(id)
	}
	return fmt.Sprintf("[%s](%s%s%s)", code(id), inLink.Replace(r.pages), path, id)
}

// inLink escapes what would end a link in Markdown.
var inLink = strings.NewReplacer("(", "%28", ")", "%29", "<", "%3C", ">", "%3E", " ", "%20", "\n", "", `\`, "%5C")

// lasted is how long it went on, or goes on already.
func (r *report) lasted() string {
	end := r.now
	if r.d.Resolved != nil {
		end = *r.d.Resolved
	}
	return probes.Roughly(max(0, end.Sub(r.d.FirstFailure)))
}

func (r *report) summary() {
	d := &r.d
	r.heading("Summary")
	when := fmt.Sprintf("Since %s UTC, for %s already,", stamp(d.FirstFailure), r.lasted())
	be := map[bool]string{true: "is", false: "are"}[len(d.Targets) < 2]
	if d.Resolved != nil {
		be = map[bool]string{true: "was", false: "were"}[len(d.Targets) < 2]
		when = fmt.Sprintf("From %s to %s UTC, for %s,", stamp(d.FirstFailure), stamp(*d.Resolved), r.lasted())
	}
	hit := several(len(d.Targets), "target")
	if len(d.Services) > 0 {
		hit += " of " + texts(d.Services, 5, text)
	}
	if len(d.Targets) == 0 {
		hit = "no target"
	}
	why := text(cmp.Or(d.Code.Explanation(), string(d.Code), "no run says why"))
	r.line("%s", strings.TrimSpace(fmt.Sprintf("%s %s %s hit, %s: %s at %s. %s", when, hit, be, r.where(), why, code(cmp.Or(d.Culprit, d.Cause)), r.unaffected())))
	if d.End == api.EndUnverified {
		r.line("\nIts end is unverified: nobody probes any more what it held.")
	}
	r.line("")
	r.item("Severity", text(d.Severity))
	r.item("Code", code(string(d.Code)))
	r.item("Detected", fmt.Sprintf("%s, %s after the first failure", stamp(d.Detected), seconds(d.Detected.Sub(d.FirstFailure))))
	r.item("Failing runs", fmt.Sprint(d.Runs))
}

func several(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func seconds(d time.Duration) string {
	if d = max(0, d); d < 2*time.Minute {
		return d.Round(time.Second).String()
	}
	return probes.Roughly(d)
}

func (r *report) where() string {
	switch r.d.Scope {
	case api.ScopeGlobal:
		return "in all regions"
	case api.ScopeAgent:
		return "at one agent in " + texts(r.d.Regions, 5, text)
	case api.ScopeSingle:
		return "in " + texts(r.d.Regions, 5, text) + ", the only region that probes"
	}
	return "in " + cmp.Or(texts(r.d.Regions, 5, text), "no region")
}

func (r *report) unaffected() string {
	switch {
	case len(r.d.Services)+len(r.d.ServicesUnaffected) == 0:
		return ""
	case len(r.d.ServicesUnaffected) == 0:
		return "No other service was probed."
	}
	return "Not affected: " + texts(r.d.ServicesUnaffected, 20, text) + "."
}

func (r *report) timeline() {
	moments := r.d.Timeline
	if len(moments) == 0 {
		moments = Timeline(r.d.Incident, r.d.Notes)
	}
	var rows [][]string
	for _, m := range moments {
		rows = append(rows, []string{stamp(m.At), text(m.Text)})
	}
	r.heading("Timeline")
	r.table([]string{"UTC", "What happened"}, rows)
}

func (r *report) affected() {
	d := &r.d
	r.heading("What was hit")
	r.item("Services", cmp.Or(texts(d.Services, 20, text), "none"))
	r.item("Services not affected", cmp.Or(texts(d.ServicesUnaffected, 20, text), "none was probed"))
	r.item(fmt.Sprintf("Targets, %d of %d that use what failed", len(d.Targets), max(d.Using, len(d.Targets))), cmp.Or(texts(d.Targets, fewTargets, text), "none"))
	r.line("")
	var rows [][]string
	for _, s := range d.PerRegion {
		over, lasted := "not yet", r.now.Sub(s.Started)
		if s.Recovered != nil {
			over, lasted = stamp(*s.Recovered), s.Recovered.Sub(s.Started)
		} else if d.Resolved != nil {
			over, lasted = "never seen", d.Resolved.Sub(s.Started)
		}
		rows = append(rows, []string{text(s.Region), stamp(s.Started), over, seconds(lasted)})
	}
	r.table([]string{"Region", "First failure", "Good again", "After"}, rows)
}

func (r *report) shows() {
	var rows [][]string
	known := slices.DeleteFunc(slices.Clone(r.d.Shows), func(s api.AffectedShow) bool { return s.Title == "" && s.Publisher == "" && s.Enclosures == 0 })
	for _, s := range known[:min(len(known), fewShows)] {
		count := ""
		if s.Enclosures > 0 {
			count = fmt.Sprint(s.Enclosures)
		}
		rows = append(rows, []string{text(s.Target), text(s.Title), text(s.Publisher), text(s.Service), count})
	}
	if len(rows) == 0 {
		return
	}
	r.heading("Shows and pages")
	r.table([]string{"Target", "Title", "Publisher", "Service", "Enclosures there"}, rows)
	if n := len(known) - len(rows); n > 0 {
		r.line("\nAnd %d more.", n)
	}
}

func (r *report) cause() {
	d := &r.d
	r.heading("Cause")
	r.item(CauseKind(d.Incident), code(d.Cause))
	r.item("Hosts at fault", cmp.Or(texts(d.Hosts, 20, code), code(d.Culprit)))
	for _, c := range d.Codes {
		r.item(code(string(c.Code))+" in "+several(c.Runs, "run"), cmp.Or(text(c.Code.Explanation()), "unknown"))
	}
	if len(d.Absorbed) > 0 {
		var codes []string
		for _, c := range d.Absorbed {
			codes = append(codes, code(string(c)))
		}
		r.item("Warnings of the same hosts that it explains", strings.Join(codes, ", "))
	}
	r.item("The first run said", code(d.Detail))
}

// CauseKind says in a word or two what an incident's cause is.
func CauseKind(i api.Incident) string {
	hex := strings.Trim(strings.ToLower(i.Cause), "0123456789abcdef") == ""
	switch {
	case len(i.Cause) == 64 && hex:
		return "Certificate, SHA-256"
	case i.Scope == api.ScopeAgent && i.Cause != i.Culprit:
		return "Agent"
	case i.Cause == i.Culprit:
		return "Host"
	case i.Code.Stage() == "dns":
		return "Zone or alias"
	case strings.Contains(i.Cause, "/"):
		return "Address block"
	case !strings.Contains(i.Cause, "."):
		return "CDN"
	}
	return "What fails"
}

func (r *report) common() {
	var rows [][]string
	for _, f := range r.d.Factors[:min(len(r.d.Factors), fewFactors)] {
		rows = append(rows, []string{
			text(strings.ReplaceAll(f.Dimension, "_", " ")), code(f.Value),
			fmt.Sprintf("%d of %d", f.FailingWith, f.Failing), fmt.Sprintf("%d of %d", f.HealthyWith, f.Healthy),
		})
	}
	if len(rows) == 0 {
		return
	}
	r.heading("What failing runs share and healthy ones lack")
	r.table([]string{"What", "Value", "Failing runs", "Healthy runs"}, rows)
}

func (r *report) divergences() {
	for i, d := range r.d.Divergences {
		if i == 0 {
			r.heading("Where failing runs part from healthy ones")
		}
		if d.First < 0 || d.First >= len(d.Steps) {
			continue
		}
		s := d.Steps[d.First]
		r.line("Runs of %s from %s (%s) and from %s (%s) first differ at %s.\n", text(d.Failing.Target),
			text(d.Failing.Region), r.link(d.Failing.TraceID, "/runs/"), text(d.Healthy.Region), r.link(d.Healthy.TraceID, "/runs/"), code(cmp.Or(s.Path, "the run")))
		var rows [][]string
		for _, f := range s.Facts {
			if f.Differs || s.Failing != s.Healthy {
				rows = append(rows, []string{text(f.Name), code(f.Failing), code(f.Healthy)})
			}
		}
		r.table([]string{"", "Failing, " + text(d.Failing.Region), "Healthy, " + text(d.Healthy.Region)}, rows)
		r.line("")
	}
}

func (r *report) evidence() {
	if len(r.d.Evidence)+len(r.d.Traces) == 0 {
		return
	}
	r.heading("Evidence")
	for _, e := range r.d.Evidence {
		r.line("Run %s from %s, at %s:\n", r.link(e.TraceID, "/runs/"), text(e.Region), code(cmp.Or(e.Path, "the run")))
		var rows [][]string
		for _, f := range e.Facts[:min(len(e.Facts), fewFacts)] {
			rows = append(rows, []string{text(f[0]), code(f[1])})
		}
		r.table([]string{"Fact", "Value"}, rows)
		r.line("")
	}
	if len(r.d.Traces) > 0 {
		r.line("First failing runs:\n")
	}
	for _, t := range r.d.Traces {
		r.line("- %s: %s", text(t.Region), r.link(t.TraceID, "/runs/"))
	}
}

func (r *report) notes() {
	if len(r.d.Notes) == 0 {
		return
	}
	r.heading("Operators' notes")
	notes := slices.SortedStableFunc(slices.Values(r.d.Notes), func(a, b api.Note) int { return a.At.Compare(b.At) })
	for _, n := range notes {
		r.line("- %s: %s", stamp(n.At), text(said(n)))
	}
}

func (r *report) advice() {
	if r.d.Advice == "" {
		return
	}
	r.heading("What to do")
	first, size := utf8.DecodeRuneInString(r.d.Advice)
	r.line("%s", text(string(unicode.ToUpper(first))+r.d.Advice[size:]))
}
