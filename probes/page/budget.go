package page

import "github.com/sonde-media/sonde/internal/wire"

// A budget is what is left of what a page may make us read, hold and do. What
// an asset might need is taken before it is asked for, and what it didn't need
// is given back.
type budget struct {
	free      int64 // bytes to read
	perAsset  int64 // of these, for each
	sheets    int64 // bytes of style sheets to hold at a time
	redirects int   // to follow
	text      int   // bytes of URLs to remember
}

func newBudget(most, read int64) budget {
	return budget{
		free: max(0, most-read), perAsset: min(most, max(4<<20, most/16)),
		sheets: maxSheets, redirects: maxRedirects, text: maxText,
	}
}

// ample reports whether an asset can have all that it might need.
func (b *budget) ample() bool {
	return b.free >= b.perAsset && b.redirects >= wire.DefaultRedirects
}

func (b *budget) grant(a *asset) {
	a.granted = min(b.perAsset, b.free)
	b.free -= a.granted
	b.redirects -= wire.DefaultRedirects
	if a.role == stylesheet {
		a.held = maxSheet
		b.sheets -= a.held
	}
}

func (b *budget) giveBack(a *asset) {
	b.free += a.granted - min(a.granted, a.size())
	b.redirects += wire.DefaultRedirects - a.redirected()
	b.sheets += a.held
}
