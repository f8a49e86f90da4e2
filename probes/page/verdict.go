package page

import (
	"cmp"
	"errors"
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
	c.sum()
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
	blocking    int          // of the failed
	roles       map[role]int // of the failed
	told        []string     // codes of these, in the order met
}

// tallies counts assets by host, in the order in which hosts were asked. What
// we ourselves kept from being fetched counts neither way.
func tallies(assets []*asset) (hosts []*tally) {
	byHost := map[string]*tally{}
	for _, a := range assets {
		t := byHost[a.url.Hostname()]
		if t == nil {
			t = &tally{host: a.url.Hostname(), roles: map[role]int{}}
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
	t.roles[a.role]++
	if a.blocking {
		t.blocking++
	}
	if code := string(probes.AsFailure(a.err).Code); !slices.Contains(t.told, code) {
		t.told = append(t.told, code)
	}
}

// noteHosts says which hosts' assets fail, one finding a host. A host whose
// blocking assets alone fail has a finding at each of these already.
func (c *crawl) noteHosts() {
	hosts := tallies(c.assets)
	all, failing := 0, 0
	for _, t := range hosts {
		all += t.all
		failing += min(t.failed, 1)
	}
	for _, t := range hosts {
		if t.failed == t.blocking {
			continue
		}
		c.root.Find(probes.Note(probes.PageAsset, t.host, t.text(all, failing == 1)))
	}
}

// text says how the page's assets at a host fare. Where all that fails is
// there, it is held against all that the page has.
func (t *tally) text(all int, alone bool) string {
	var b strings.Builder
	if alone {
		fmt.Fprintf(&b, "document ok; %d of %d assets fail%s, all on %s", t.failed, all, t.sheets(), t.host)
	} else {
		fmt.Fprintf(&b, "%d of %d assets fail on %s%s", t.failed, t.all, t.host, t.sheets())
	}
	b.WriteString(": " + strings.Join(t.told, ", "))
	if t.blocking > 0 {
		fmt.Fprintf(&b, "; %d of them block rendering", t.blocking)
	}
	return b.String()
}

// sheets tells of the style sheets among the failed, without which a page looks
// broken whether they block or not.
func (t *tally) sheets() string {
	switch n := t.roles[stylesheet]; n {
	case 0:
		return ""
	case 1:
		return ", 1 stylesheet among them"
	default:
		return fmt.Sprintf(", %d stylesheets among them", n)
	}
}

func (c *crawl) noteSkipped() {
	if c.ignored > 0 {
		c.root.Set(probes.AttrAssetsIgnored, c.ignored)
	}
	if c.skipped == 0 {
		return
	}
	c.root.Set(probes.AttrAssetsSkipped, c.skipped)
	found := probes.Finding{
		Code: probes.GuardBudget, Severity: probes.Notice, Host: c.doc.url.Hostname(),
		Detail: fmt.Sprintf("%d assets not fetched: %s", c.skipped, why(c.why)),
	}
	if c.starved {
		found = probes.Note(probes.BodySize, c.doc.url.Hostname(), fmt.Sprintf("larger than max_bytes, %d: %d assets not fetched", c.opt.MaxBytes, c.skipped))
	}
	c.root.Find(found)
}

func why(err error) string {
	if f, ok := errors.AsType[*probes.Failure](err); ok {
		return strings.TrimPrefix(f.Detail, "not fetched: ")
	}
	return err.Error()
}
