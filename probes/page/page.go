package page

import (
	"cmp"
	"context"
	"errors"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
)

// Limits on what a stranger's page makes us hold or do.
const (
	maxDocument  = 8 << 20   // bytes of HTML
	maxTags      = 120_000   // of a document, and their attributes; what follows is not read
	maxURL       = 8 << 10   // bytes; servers refuse longer ones
	maxSheet     = 1 << 20   // bytes of one style sheet
	maxSheets    = 8 << 20   // bytes of style sheets held at a time
	maxImports   = 5         // sheets between the document and an import
	maxRefs      = 5000      // references remembered, fetched or not
	maxText      = 1 << 20   // bytes of the URLs of these
	maxTitle     = 200       // characters recorded
	maxRunning   = 24        // fetches at a time, over all hosts
	maxRedirects = 600       // followed in a run, over all assets
	maxTokens    = 256 << 10 // bytes of what style sheets refer to, of one sheet
)

// New returns a probe for t. Its error joins a [*probes.OptionError] for every
// option that can't be used. n may be nil where the probe won't be called.
func New(n *wire.Net, t probes.Target) (probes.Func, error) {
	o := Defaults
	err := t.Options.Decode(&o)
	if err := errors.Join(err, o.check()); err != nil {
		return nil, err
	}
	p := &prober{n.For(o.Choices), &o}
	if len(t.Options) == 0 {
		p.opt = &Defaults // shared by very many targets
	}
	return p.probe, nil
}

type prober struct {
	net *wire.Net
	opt *Options // not changed
}

func (p *prober) probe(ctx context.Context, root *probes.Step, t probes.Target) error {
	n := p.net.Visit()
	doc, err := p.document(ctx, n, root, t)
	if doc == nil {
		return err
	}
	pool := n.Pool()
	defer pool.Close()
	c := newCrawl(root, doc, *p.opt)
	c.fetch, c.recordQuery = pool.Fetch, t.RecordQuery
	c.run(ctx)
	c.tryLinks(ctx)
	return cmp.Or(err, c.verdict())
}
