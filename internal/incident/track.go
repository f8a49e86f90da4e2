package incident

import (
	"cmp"
	"slices"

	"github.com/sonde-media/sonde/probes"
)

// A trackKey is what failures of a lane are followed by.
type trackKey struct {
	cause   string // of a failure; of a warning its host
	warning bool
}

// tracks are what is wrong with a lane, and what was.
type tracks []*track

// A track is one cause in one lane: the episode that goes on, or was the last,
// and those before it.
type track struct {
	trackKey
	now   episode
	goods int // good runs since the last bad one
	done  []episode
}

// Rules of episodes.
const (
	goodsToClose = 3   // good runs in a row end an episode
	gapIntervals = 5   // a shorter gap doesn't split it
	maxDone      = 256 // episodes of a track that are remembered
	maxCodes     = 8   // codes of an episode that are told apart
	maxTracks    = 256 // of a lane: a page can make up the hosts that it fails at
	maxRow       = 4   // bad runs in a row that are told apart from more
)

// An episode is bad runs of one lane with one cause, from the first to the last.
type episode struct {
	first, last evidence
	rows        [maxRow]evidence // the first bad run; the first that came right after one, after two …, see rank
	good        evidence         // the first good run after the last bad one
	closed      evidence         // the third in a row; zero while it goes on
	runs, row   int              // bad ones; in a row now
	interval    int64
	codes       []codeCount
	culprit     string
	detail      string
}

// Evidence is a run and when the hub had it.
type evidence struct {
	at, received int64
	id           runID
}

func (e evidence) there() bool { return e.at != 0 }

type codeCount struct {
	code  probes.Code
	runs  int
	first int64
}

// stray reports whether the episode, which good runs followed, was something
// else than what begins with a run of another code, or was over: without a
// second run to confirm it, what comes then would seem to have begun with it.
func (e *episode) stray(code probes.Code) bool {
	return e.runs > 0 && !e.paired() && (e.closed.there() || e.codes[0].code != code)
}

// rank is how many bad runs in a row the last one is worth: some that good ones
// stand between are as unlikely as one less or two.
func (e *episode) rank() int {
	switch {
	case e.row >= maxRow || e.runs >= maxRow+2:
		return maxRow
	case e.runs >= maxRow:
		return max(e.row, maxRow-1)
	}
	return e.row
}

// paired reports whether a bad run came right after a bad one.
func (e *episode) paired() bool { return e.rows[1].there() }

func (t tracks) clone() tracks {
	all := make(tracks, len(t))
	for i, k := range t {
		c := *k
		c.done = slices.Clip(c.done)
		c.now.codes = slices.Clone(c.now.codes)
		all[i] = &c
	}
	return all
}

// apply folds one run in.
func (t *tracks) apply(m *mark) {
	if m.unknown {
		return
	}
	for _, k := range *t {
		if !slices.ContainsFunc(m.trouble, func(w trouble) bool { return w.trackKey == k.trackKey }) && k.cleared(m) {
			k.well(m)
		}
	}
	for i, w := range m.trouble {
		// Several warnings of one host are one bad run.
		again := slices.ContainsFunc(m.trouble[:i], func(o trouble) bool { return o.trackKey == w.trackKey })
		t.of(w.trackKey).bad(m, w, again)
	}
}

func (t *tracks) of(key trackKey) *track {
	for _, k := range *t {
		if k.trackKey == key {
			return k
		}
	}
	if len(*t) >= maxTracks {
		t.crowdOut()
	}
	k := &track{trackKey: key}
	*t = append(*t, k)
	return k
}

// crowdOut drops the track that was met longest ago, of a warning where there
// is one.
func (t *tracks) crowdOut() {
	oldest := slices.MinFunc(*t, func(a, b *track) int {
		switch {
		case a.warning == b.warning:
			return cmp.Compare(a.met(), b.met())
		case a.warning:
			return -1
		}
		return 1
	})
	*t = slices.DeleteFunc(*t, func(k *track) bool { return k == oldest })
}

// met is when the last bad run began.
func (k *track) met() int64 {
	if n := len(k.done); k.now.runs == 0 && n > 0 {
		return k.done[n-1].last.at
	}
	return k.now.last.at
}

// cleared reports whether m, in which the track's trouble wasn't met, says that
// it is over: one that failed by another cause does so only where it got an
// answer from the culprit.
func (k *track) cleared(m *mark) bool {
	return !m.failed() || !k.warning && slices.Contains(m.reached, k.now.culprit)
}

func (k *track) well(m *mark) {
	k.goods++
	k.now.row = 0
	switch k.goods {
	case 1:
		k.now.good = evidence{m.at, m.received, m.id}
	case goodsToClose:
		k.now.closed = evidence{m.at, m.received, m.id}
	}
}

func (k *track) bad(m *mark, w trouble, again bool) {
	this := evidence{m.at, m.received, m.id}
	if again {
		k.now.count(w.code, m.at)
		return
	}
	e := &k.now
	if e.closed.there() && m.at-e.last.at >= gapIntervals*m.interval || e.stray(w.code) && k.goods > 0 {
		k.done = append(k.done, *e)
		if len(k.done) > maxDone {
			k.done = slices.Clone(k.done[len(k.done)-maxDone:])
		}
		k.now = episode{}
	}
	if !e.first.there() {
		e.first, e.culprit, e.detail = this, w.culprit, w.detail
	}
	k.goods = 0
	e.good, e.closed = evidence{}, evidence{}
	e.last, e.interval = this, m.interval
	e.runs++
	e.row++
	if i := e.rank() - 1; !e.rows[i].there() {
		e.rows[i] = this
	}
	e.count(w.code, m.at)
}

func (e *episode) count(code probes.Code, at int64) {
	for i := range e.codes {
		if e.codes[i].code == code {
			e.codes[i].runs++
			return
		}
	}
	if len(e.codes) < maxCodes {
		e.codes = append(e.codes, codeCount{code, 1, at})
	}
}

// until is by when a further bad run would still belong to the episode.
func (e *episode) until() int64 {
	if !e.closed.there() {
		return forever
	}
	return e.last.at + gapIntervals*e.interval
}

const forever = 1<<63 - 1
