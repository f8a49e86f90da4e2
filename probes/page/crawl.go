package page

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
)

// A crawl fetches a page's assets. One goroutine owns it: it starts fetches
// and takes their results, so that what sheets lead to is queued in page
// order, whichever sheet came first.
type crawl struct {
	opt         Options
	fetch       func(context.Context, *probes.Step, wire.Request) (*wire.Response, error)
	recordQuery bool
	root        *probes.Step
	doc         *document

	assets   []*asset          // in tree order
	known    map[string]*asset // by URL, those left for a limit too
	waiting  []*asset          // the blocking ones first
	running  map[string]int    // by host
	total    int               // of running
	faces    []ref             // fonts that sheets declare
	families map[string]bool   // that rules ask for
	letters  letters           // in which they ask
	budget
	skipped int   // assets not fetched for a limit
	ignored int   // left as the target asks
	why     error // the limit that was met first
	starved bool  // of bytes
}

func newCrawl(root *probes.Step, doc *document, o Options) *crawl {
	c := &crawl{
		opt: o, root: root, doc: doc,
		known: map[string]*asset{}, running: map[string]int{}, families: map[string]bool{},
		budget: newBudget(int64(o.MaxBytes), doc.size),
	}
	c.learn(doc.faces, doc.families, doc.letters)
	return c
}

// run fetches all assets of the document and what these lead to.
func (c *crawl) run(ctx context.Context) {
	c.queue(c.doc.refs)
	c.work(ctx, c.advance)
}

// work fetches what waits until nothing does; advance may add to it.
func (c *crawl) work(ctx context.Context, advance func()) {
	var wg sync.WaitGroup
	defer wg.Wait()
	done := make(chan *asset)
	for {
		advance()
		for a := c.next(ctx); a != nil; a = c.next(ctx) {
			req := c.request(a)
			wg.Go(func() {
				a.err = probes.Safely(func() (err error) {
					a.resp, err = c.fetch(ctx, a.step, req)
					return err
				})
				done <- a
			})
		}
		if c.total == 0 && len(c.waiting) == 0 {
			return
		}
		if c.total > 0 {
			c.settle(<-done)
		}
	}
}

// advance queues what style sheets lead to once none is on its way, and at
// last the fonts that any of their rules asks for.
func (c *crawl) advance() {
	for !slices.ContainsFunc(c.assets, (*asset).expected) {
		refs := c.discovered()
		if len(refs) == 0 {
			refs, c.faces = c.fonts(), nil
		}
		if len(refs) == 0 {
			return
		}
		c.queue(refs)
	}
}

// discovered returns what the sheets lead to that have come since the last
// call, or turned out to block since.
func (c *crawl) discovered() (refs []ref) {
	for _, a := range c.assets {
		if len(refs) >= maxRefs {
			break // no more will be remembered
		}
		if a.told || !a.settled || a.role != stylesheet || a.preload || a.err != nil {
			continue
		}
		a.told = true
		assets, faces := a.refs(c.doc.policy)
		refs = append(refs, assets...)
		if a.applies {
			c.learn(faces, a.sheet.families, a.sheet.letters)
		}
	}
	return refs
}

func (c *crawl) learn(faces []ref, families []string, l letters) {
	c.letters.merge(l)
	c.faces = append(c.faces, faces...)
	for _, f := range families {
		c.families[f] = true
	}
}

// fonts returns the faces that the text is drawn with.
func (c *crawl) fonts() (refs []ref) {
	byFamily := map[string][]ref{}
	var names []string
	for _, f := range c.faces {
		if !c.families[f.family] {
			continue
		}
		if byFamily[f.family] == nil {
			names = append(names, f.family)
		}
		byFamily[f.family] = append(byFamily[f.family], f)
	}
	wanted := c.letters.wanted(c.doc.words)
	for _, name := range names {
		if wanted == nil {
			refs = append(refs, byFamily[name]...)
		} else {
			refs = append(refs, nearest(byFamily[name], wanted)...)
		}
	}
	return refs
}

// queue opens a step for each reference to something new, in order.
func (c *crawl) queue(refs []ref) {
	for _, r := range refs {
		key := r.url.String()
		if a := c.known[key]; a != nil {
			a.merge(r)
			continue
		}
		if len(c.known) == maxRefs || c.text < len(key) {
			break
		}
		c.text -= len(key)
		c.known[key] = c.admit(r)
	}
	slices.SortStableFunc(c.waiting, func(a, b *asset) int { return a.rank() - b.rank() })
}

// admit makes the asset that r refers to wait for its turn, unless it is to be
// left.
func (c *crawl) admit(r ref) *asset {
	switch {
	case c.opt.leaves(c.doc.url, r.url):
		c.ignored++
		return &asset{ref: r}
	case len(c.assets) == c.opt.MaxAssets:
		c.skip(fmt.Errorf("max_assets is %d", c.opt.MaxAssets))
		return &asset{ref: r}
	}
	a := c.begin("asset", r)
	a.step.Set(probes.AttrAssetThird, !sameSite(c.doc.url, r.url))
	c.assets = append(c.assets, a)
	c.waiting = append(c.waiting, a)
	return a
}

// begin opens a step for what r refers to.
func (c *crawl) begin(word string, r ref) *asset {
	s := c.root.Begin(word)
	s.Set(probes.AttrURL, probes.RecordURL(r.url, c.recordQuery))
	s.Set(probes.AttrServerAddress, r.url.Hostname())
	s.Set(probes.AttrAssetInitiator, probes.RecordURL(r.from, c.recordQuery))
	return &asset{ref: r, step: s}
}

func (c *crawl) skip(why error) {
	c.skipped++
	c.why = cmp.Or(c.why, why)
}

// next takes the asset to fetch now out of those waiting; nil where none may
// start before another ends.
func (c *crawl) next(ctx context.Context) *asset {
	if len(c.waiting) == 0 {
		return nil
	}
	if err := c.stopped(ctx); err != nil {
		c.abandon(err)
		return nil
	}
	if c.total == maxRunning || c.total > 0 && !c.ample() {
		return nil
	}
	i := slices.IndexFunc(c.waiting, c.mayStart)
	if i < 0 {
		return nil
	}
	a := c.waiting[i]
	c.waiting = slices.Delete(c.waiting, i, i+1)
	c.total++
	c.running[a.url.Host]++
	c.grant(a)
	a.step.Start = time.Now() // its turn has come; the wait for it was ours
	return a
}

// mayStart reports whether a's host and the room for sheets allow it to start.
func (c *crawl) mayStart(a *asset) bool {
	return c.running[a.url.Host] < c.opt.Parallel && (a.role != stylesheet || c.sheets >= maxSheet)
}

// stopped says why nothing more is fetched.
func (c *crawl) stopped(ctx context.Context) error {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return probes.Fail(probes.Canceled, ctx.Err())
	case ctx.Err() != nil:
		return probes.Fail(probes.GuardBudget, errors.New("not fetched: the run's time was up before its turn"))
	case c.free == 0 && c.total == 0:
		c.starved = true
		return probes.Fail(probes.GuardBudget, fmt.Errorf("not fetched: the page has used up max_bytes, %d", c.opt.MaxBytes))
	case c.redirects < wire.DefaultRedirects && c.total == 0:
		return probes.Fail(probes.GuardBudget, fmt.Errorf("not fetched: the page has used up its %d redirects", maxRedirects))
	}
	return nil
}

// abandon closes what waits.
func (c *crawl) abandon(err error) {
	for _, a := range c.waiting {
		a.err, a.settled = err, true
		a.step.Done(&err)
		if a.role != navigation {
			c.skip(err)
		}
	}
	c.waiting = nil
}

// settle takes the result of a fetch.
func (c *crawl) settle(a *asset) {
	c.total--
	c.running[a.url.Host]--
	c.giveBack(a)
	a.settled = true
	if a.err == nil {
		a.err = a.unfit(c.doc)
	}
	a.step.Done(&a.err)
	if a.err == nil && a.role == stylesheet {
		a.sheet = readSheet(a.resp.Body, c.doc.words, c.doc.screen)
		c.text -= a.sheet.trim(c.text)
	}
	if a.resp != nil {
		a.step.Set(probes.AttrServerAddress, a.resp.URL.Hostname())
		a.resp.Body, a.resp.Header = nil, nil // two hundred would add up
	}
}
