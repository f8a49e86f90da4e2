package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sonde-media/sonde/probes"
)

// verdict notes on the finished tree what the assets come to, and returns the
// failure that keeps the page from being served.
func (c *crawl) verdict() error {
	var target, ours error
	for _, a := range c.assets {
		c.note(a)
		switch {
		case a.err == nil || !a.blocking:
		case a.ours():
			ours = cmp.Or(ours, a.err)
		default:
			target = cmp.Or(target, a.err)
		}
	}
	c.noteHosts()
	c.noteSkipped()
	return cmp.Or(target, ours)
}

// ours reports whether a failed by no fault of the page.
func (a *asset) ours() bool { return a.err != nil && probes.AsFailure(a.err).Code.Ours() }

func (c *crawl) note(a *asset) {
	a.step.Set(probes.AttrAssetRole, string(a.role))
	a.step.Set(probes.AttrAssetBlocking, a.blocking)
	if !a.blocking {
		a.step.Optional()
		return
	}
	if a.err == nil || a.ours() {
		return
	}
	switch code := probes.AsFailure(a.err).Code; code {
	case probes.PageBlocking:
	case probes.PageAsset: // it turned out to block after it had come
		a.step.Fail.Code = probes.PageBlocking
	default:
		detail := fmt.Sprintf("%s %s: %s", a.role, a.step.Text(probes.AttrURL), code)
		a.step.Find(probes.Note(probes.PageBlocking, a.url.Hostname(), detail))
	}
}

// A tally counts the assets asked of one host.
type tally struct {
	host        string
	all, failed int
	blocking    int // of the failed
	codes       []string
}

func (c *crawl) tallies() (hosts []*tally) {
	byHost := map[string]*tally{}
	for _, a := range c.assets {
		t := byHost[a.url.Hostname()]
		if t == nil {
			t = &tally{host: a.url.Hostname()}
			byHost[t.host] = t
			hosts = append(hosts, t)
		}
		if a.ours() {
			continue
		}
		t.all++
		if a.err != nil {
			t.add(a)
		}
	}
	return hosts
}

func (t *tally) add(a *asset) {
	t.failed++
	if a.blocking {
		t.blocking++
	}
	if code := string(probes.AsFailure(a.err).Code); !slices.Contains(t.codes, code) {
		t.codes = append(t.codes, code)
	}
}

// noteHosts says which hosts' assets fail, one finding a host. A host whose
// blocking assets alone fail has a finding at each of these already.
func (c *crawl) noteHosts() {
	for _, t := range c.tallies() {
		if t.failed == t.blocking {
			continue
		}
		detail := fmt.Sprintf("%d of %d assets fail on %s: %s", t.failed, t.all, t.host, strings.Join(t.codes, ", "))
		if t.blocking > 0 {
			detail += fmt.Sprintf("; %d of them block rendering", t.blocking)
		}
		c.root.Find(probes.Note(probes.PageAsset, t.host, detail))
	}
}

func (c *crawl) noteSkipped() {
	if c.skipped == 0 {
		return
	}
	c.root.Set(probes.AttrAssetsSkipped, c.skipped)
	if c.starved {
		detail := fmt.Sprintf("larger than max_bytes, %d: %d assets not fetched", c.opt.MaxBytes, c.skipped)
		c.root.Find(probes.Note(probes.BodySize, c.doc.url.Hostname(), detail))
	}
}
