package page

import (
	"context"
	"errors"
	"fmt"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
)

// Options are the settings of a page target.
type Options struct {
	MaxAssets int   `json:"max_assets"` // sub-resources fetched at most; default 200, 0: the document only
	MaxBytes  int64 `json:"max_bytes"`  // read in a run at most, document included; default 64 MiB
	Parallel  int   `json:"parallel"`   // fetches at a time from one host; default 6, and 24 over all
}

var defaults = Options{MaxAssets: 200, MaxBytes: 64 << 20, Parallel: 6}

// Limits on what a stranger's page makes us hold or do.
const (
	maxDocument = 8 << 20 // bytes of HTML
	maxTags     = 250_000 // of a document; what follows is not read
	maxURL      = 8 << 10 // bytes; servers refuse longer ones
	maxSheet    = 2 << 20 // bytes of one style sheet
	maxImports  = 5       // sheets between the document and an import
	maxRefs     = 5000    // references remembered, fetched or not
	maxTitle    = 200     // characters recorded
	maxRunning  = 24      // fetches at a time, over all hosts
)

// New returns a probe for t. Its error joins a [*probes.OptionError] for every
// option that can't be used. n may be nil where the probe won't be called.
func New(n *wire.Net, t probes.Target) (probes.Func, error) {
	o := defaults
	err := t.Options.Decode(&o)
	if err := errors.Join(err, o.check()); err != nil {
		return nil, err
	}
	return (&prober{n, o}).probe, nil
}

func (o Options) check() error {
	return errors.Join(
		atLeast("max_assets", int64(o.MaxAssets), 0),
		atLeast("max_bytes", o.MaxBytes, 1),
		atLeast("parallel", int64(o.Parallel), 1),
	)
}

func atLeast(key string, v, least int64) error {
	if v >= least {
		return nil
	}
	return &probes.OptionError{Key: key, Err: fmt.Errorf("want %d or more, got %d", least, v)}
}

type prober struct {
	net *wire.Net
	opt Options
}

func (p *prober) probe(ctx context.Context, root *probes.Step, t probes.Target) error {
	doc, err := p.document(ctx, root, t)
	if err != nil {
		return err
	}
	pool := p.net.Pool()
	defer pool.Close()
	c := newCrawl(root, doc, p.opt)
	c.fetch, c.recordQuery = pool.Fetch, t.RecordQuery
	c.run(ctx)
	return c.verdict()
}
