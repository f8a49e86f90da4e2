package hub

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/sonde-media/sonde/internal/api"
)

//go:embed templates static
var pageFiles embed.FS

// One set of templates a page: each defines "main" for the layout.
var pageTemplates = map[string]*template.Template{
	"status":       parsePage("status"),
	"runs":         parsePage("runs"),
	"run":          parsePage("run"),
	"agents":       parsePage("agents"),
	"incident":     parsePage("incident"),
	"history":      parsePage("history"),
	"certificates": parsePage("certificates"),
	"error":        parsePage("error"),
}

func parsePage(name string) *template.Template {
	t := template.New("layout.html").Funcs(pageWords)
	return template.Must(t.ParseFS(pageFiles, "templates/layout.html", "templates/parts.html", "templates/"+name+".html"))
}

// refreshSeconds is how often the status page asks for itself again.
const refreshSeconds = 10

// Nothing runs and nothing is loaded from elsewhere, so a stranger's text that
// got past the escaping would still do nothing.
const contentPolicy = "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// A site is the pages about what a source has.
type site struct {
	src source
	now func() time.Time
	day lastDay
}

// handler serves the status page and those that it leads to.
func (s *site) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", s.serve(s.status))
	mux.Handle("GET /agents", s.serve(s.agents))
	mux.Handle("GET /runs", s.serve(s.runs))
	mux.Handle("GET /runs/{traceID}", s.serve(s.run))
	mux.Handle("GET /incidents/{id}", s.serve(s.incident))
	mux.Handle("GET /history", s.serve(s.history))
	mux.Handle("GET /certificates", s.serve(s.certificates))
	mux.HandleFunc("GET /feed.atom", s.feed)
	mux.Handle("GET /static/", http.HandlerFunc(serveStatic))
	mux.Handle("GET /", s.serve(func(*http.Request) (*page, error) { return nil, errNoPage }))
	return mux
}

// A page is one answer before it is drawn.
type page struct {
	Title   string
	Icon    string // names a picture in static
	Section string // which entry of the navigation is current
	Refresh int    // seconds; 0: never
	Now     time.Time
	Body    any

	template  string
	status    int    // 0: 200
	elsewhere string // the path that answers instead, or ""
}

var errNoPage = errors.New("there is no page here")

func (s *site) serve(f func(*http.Request) (*page, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, err := f(r)
		if r.Context().Err() != nil {
			return // nobody reads it
		}
		if err != nil {
			p = errorPage(err)
		}
		if p.elsewhere != "" {
			http.Redirect(w, r, p.elsewhere, http.StatusSeeOther)
			return
		}
		p.Now = s.now()
		p.write(w)
	})
}

func (p *page) write(w http.ResponseWriter) {
	var b bytes.Buffer // whole or not at all: half a status page would look all good
	if err := pageTemplates[p.template].Execute(&b, p); err != nil {
		http.Error(w, "draw page: "+err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(max(p.status, http.StatusOK))
	w.Write(b.Bytes())
}

type errorView struct {
	Headline, Advice, Detail string
	Runs                     bool // offer the newest runs
}

func errorPage(err error) *page {
	p := &page{template: "error", Icon: "unknown", status: http.StatusInternalServerError, Refresh: refreshSeconds}
	v := errorView{
		Headline: "The stored runs could not be read",
		Advice:   "This page tries again every 10 s. If it stays so, look at the hub and at the space left on its disk.",
		Detail:   err.Error(),
	}
	switch _, bad := errors.AsType[badQuery](err); {
	case errors.Is(err, errNoPage):
		p.status = http.StatusNotFound
		v = errorView{Headline: "There is no page here", Advice: "Start from the status page."}
	case errors.Is(err, errReading):
		p.status = http.StatusServiceUnavailable
		v = errorView{Headline: "What is stored is still being read", Advice: "This page tries again every 10 s."}
	case isNoIncident(err):
		p.status = http.StatusNotFound
		v = errorView{Headline: "There is no such incident", Advice: "It may be older than what the hub keeps, or its ID incomplete.", Detail: err.Error()}
	case errors.Is(err, fs.ErrNotExist):
		p.status = http.StatusNotFound
		v = errorView{
			Headline: "This run is not kept here",
			Advice: "Runs are deleted when they are older than the hub keeps them. " +
				"A run that has only just ended may still be on its way from the agent: reload in a few seconds. " +
				"Otherwise check that the whole trace ID was copied, all 32 digits.",
			Runs: true,
		}
	case bad:
		p.status = http.StatusBadRequest
		v.Headline = "This selection can't be read"
		v.Advice = "Correct the address, or start again without a filter."
	}
	if p.status < http.StatusInternalServerError {
		p.Refresh = 0
	}
	p.Title, p.Body = v.Headline, v
	return p
}

func isNoIncident(err error) bool {
	_, is := errors.AsType[errNoIncident](err)
	return is
}

// query reads the selection of a page. An empty field of a form selects all.
func (s *site) query(v url.Values) (api.Query, error) {
	for name, values := range v {
		v[name] = nonEmpty(values)
		if len(v[name]) == 0 {
			delete(v, name)
		}
	}
	q, err := api.ParseQuery(v, s.now())
	if err != nil {
		return q, badQuery{err}
	}
	return q, nil
}

func nonEmpty(values []string) (kept []string) {
	for _, v := range values {
		if v != "" {
			kept = append(kept, v)
		}
	}
	return kept
}

// serveStatic lets browsers keep the files but ask whether they have changed,
// so that a new version of the hub shows at once.
func serveStatic(w http.ResponseWriter, r *http.Request) {
	data, err := pageFiles.ReadFile(r.URL.Path[1:])
	if err != nil {
		http.NotFound(w, r)
		return
	}
	sum := sha256.Sum256(data)
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
	w.Header().Set("Cache-Control", "no-cache")
	http.ServeContent(w, r, r.URL.Path, time.Time{}, bytes.NewReader(data))
}
