package hub

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/sonde-media/sonde/internal/api"
)

// What Export writes: pages for the public that need no hub.
//
//	index.html          services with their bars, incidents now and of late
//	history.html        all incidents that are known, by month
//	incidents/ID.html   one incident
//	feed.atom           the same as a feed
//	summary.json        the api.Summary that all of it is made from
//	sonde.css, STATE.svg
//
// Files are replaced whole, those that lead to others last.

// ExportOptions are choices; the zero value means the defaults.
type ExportOptions struct {
	Title string        // of the pages; "": Service status
	URL   string        // where the copy will be, for the feed; "": its links are relative
	Fresh time.Duration // how old the copy gets before its pages say that it is stale; 0: DefaultFresh
}

// DefaultFresh is how old a copy may be and still be taken for the present.
const DefaultFresh = 5 * time.Minute

// staleScript shows the warning in a page that is older than it says it gets.
const staleScript = `(function(){var m=document.getElementById("made");function f(){` +
	`if(Date.now()-Date.parse(m.dateTime)>1000*m.dataset.fresh)document.documentElement.className="stale"}f();setInterval(f,5000)})()`

// exportPolicy lets nothing run but the script above.
var exportPolicy = func() string {
	sum := sha256.Sum256([]byte(staleScript))
	return "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; script-src 'sha256-" +
		base64.StdEncoding.EncodeToString(sum[:]) + "'"
}()

var exportTemplates = map[string]*template.Template{
	"index": parseExport("index"), "history": parseExport("history"), "incident": parseExport("incident"),
}

func parseExport(name string) *template.Template {
	t := template.New("public.html").Funcs(pageWords)
	return template.Must(t.ParseFS(pageFiles, "templates/public.html", "templates/parts.html", "templates/public_"+name+".html"))
}

// A publicPage is one page before it is drawn.
type publicPage struct {
	Policy, Script string
	Title, Site    string
	Section        string
	Icon           string
	Root           string // the way to the folder of all: "" or "../"
	Made           time.Time
	Fresh          int // seconds
	Body           any
}

type indexView struct {
	Headline
	Open, Recent []told
	Services     []serviceView
}

// errID says that a hub answered with an incident that no file can be named for.
var errID = errors.New("the hub's answer has an incident with an ID that is none")

var isID = regexp.MustCompile(`^[0-9a-f]{1,64}$`)

// A copying is one copy in the making.
type copying struct {
	dir  string
	sum  *api.Summary
	o    ExportOptions
	made map[string]bool
}

// Export writes a static copy of a status page into dir, which it creates
// where it is missing, and removes the pages of incidents that there are none
// of any more.
func Export(dir string, sum *api.Summary, o ExportOptions) error {
	if o.Title == "" {
		o.Title = "Service status"
	}
	if o.Fresh <= 0 {
		o.Fresh = DefaultFresh
	}
	for _, i := range sum.Incidents {
		if !isID.MatchString(i.ID) {
			return fmt.Errorf("%w: %.80q", errID, i.ID)
		}
	}
	e := &copying{dir: dir, sum: sum, o: o, made: map[string]bool{}}
	if err := os.MkdirAll(filepath.Join(dir, "incidents"), 0o755); err != nil {
		return err
	}
	for _, step := range []func() error{e.static, e.incidents, e.history, e.feed, e.json, e.index, e.sweep} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func exportPath(id string) string { return "incidents/" + id + ".html" }

// static writes what pages are drawn with.
func (e *copying) static() error {
	entries, err := fs.ReadDir(pageFiles, "static")
	if err != nil {
		return err
	}
	for _, f := range entries {
		data, err := pageFiles.ReadFile("static/" + f.Name())
		if err != nil {
			return err
		}
		if err := replace(filepath.Join(e.dir, f.Name()), data); err != nil {
			return err
		}
	}
	return nil
}

func (e *copying) incidents() error {
	for _, t := range tellAll(e.sum, exportPath) {
		e.made[t.ID+".html"] = true
		icon := t.Outcome
		if t.Resolved != nil {
			icon = "ok"
		}
		p := publicPage{Title: t.Title, Section: "history", Root: "../", Icon: icon, Body: t}
		if err := e.page("incident", exportPath(t.ID), p); err != nil {
			return err
		}
	}
	return nil
}

func (e *copying) history() error {
	p := publicPage{Title: "History", Section: "history", Icon: "ok", Body: months(tellAll(e.sum, exportPath))}
	return e.page("history", "history.html", p)
}

func (e *copying) index() error {
	list := tellAll(e.sum, exportPath)
	v := indexView{Headline: publicHeadline(e.sum), Services: serviceViews(e.sum, byID(list))}
	v.Open, v.Recent = split(list)
	for i, t := range v.Recent {
		if e.sum.Made.Sub(*t.Resolved) > recentDays*day {
			v.Recent = v.Recent[:i]
			break
		}
	}
	return e.page("index", "index.html", publicPage{Title: v.Text, Section: "status", Icon: v.State, Body: v})
}

func (e *copying) feed() error {
	at := feedAddress{base: strings.TrimSuffix(e.o.URL, "/"), home: "index.html", self: "feed.atom", seed: e.o.Title}
	list := tellAll(e.sum, exportPath)
	if at.base != "" {
		at.base += "/"
	}
	body, err := atom(list, at, e.sum.Made)
	if err != nil {
		return err
	}
	return replace(filepath.Join(e.dir, "feed.atom"), body)
}

func (e *copying) json() error {
	body, err := json.MarshalIndent(e.sum, "", " ")
	if err != nil {
		return err
	}
	return replace(filepath.Join(e.dir, "summary.json"), append(body, '\n'))
}

func (e *copying) page(template, path string, p publicPage) error {
	p.Policy, p.Script, p.Site = exportPolicy, staleScript, e.o.Title
	p.Made, p.Fresh = e.sum.Made, int(e.o.Fresh/time.Second)
	var b bytes.Buffer
	if err := exportTemplates[template].Execute(&b, p); err != nil {
		return fmt.Errorf("draw %s: %w", path, err)
	}
	return replace(filepath.Join(e.dir, filepath.FromSlash(path)), b.Bytes())
}

// sweep removes pages of incidents that aren't told any more.
func (e *copying) sweep() error {
	folder := filepath.Join(e.dir, "incidents")
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, f := range entries {
		id, isPage := strings.CutSuffix(f.Name(), ".html")
		if !isPage || !isID.MatchString(id) || e.made[f.Name()] {
			continue // not ours, or current
		}
		if err := os.Remove(filepath.Join(folder, f.Name())); err != nil {
			return err
		}
	}
	return nil
}

// replace puts data in place of a file at once: who reads it has the old one or
// the new one.
func replace(path string, data []byte) (err error) {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, data) {
		return nil // so that copying what changed copies little
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".sonde-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// publicHeadline says in one line how services are.
func publicHeadline(sum *api.Summary) Headline {
	h := Headline{State: outcomeOf(sum.State)}
	var worst, unheard []string
	for _, p := range sum.Services {
		if p.State == sum.State {
			worst = append(worst, p.Name)
		}
		if p.State == api.StateNoData {
			unheard = append(unheard, p.Name)
		}
	}
	verb := " are "
	if len(worst) == 1 {
		verb = " is "
	}
	switch sum.State {
	case api.StateNoData:
		return Headline{State: silent, Text: "How services are isn't known at the moment"}
	case api.StateOK:
		h.Text = "All services work"
	case api.SeverityWarning:
		h.Text = "Services work, with flaws in " + listed(worst, "of them")
	case api.SeverityMajor:
		h.Text = listed(worst, "services") + verb + "partly out"
	default:
		h.Text = listed(worst, "services") + verb + "out"
	}
	if len(unheard) > 0 {
		if sum.State == api.StateOK {
			h.State, h.Text = silent, "All services work that anything is heard of"
		}
		h.Lead = append(h.Lead, "nothing is heard of "+listed(unheard, "services"))
	}
	return h
}
