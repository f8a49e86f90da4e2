package incident

import (
	"maps"
	"slices"
	"time"
)

// settledAfter is how old an episode is that no run which comes now can make
// part of an incident any more.
const settledAfter = 1 * day

// Forget drops what was noise and is too old to become anything else, and what
// ended longer ago than runs are kept. It changes no answer about the rest.
func (f *Fold) Forget(now time.Time, keep time.Duration) {
	type key struct {
		l *lane
		trackKey
		at int64
	}
	told := map[key]bool{}
	f.alive = nil
	for _, c := range f.clusters() {
		if _, ok := f.opening(c); ok {
			for _, p := range append(c.parts, c.absorbed...) {
				told[key{p.lane, p.trackKey, p.first.at}] = true
			}
		}
	}
	oldest, settled := now.Add(-keep).UnixNano(), now.UnixNano()-settledAfter
	gone := map[*lane]bool{}
	for k, l := range f.lanes {
		if l.newest < oldest {
			delete(f.lanes, k)
			delete(f.stale, l)
			gone[l] = true
			continue
		}
		drop := func(t *track, e *episode) bool {
			return e.closed.there() && (e.last.at < oldest || e.last.at < settled && !told[key{l, t.trackKey, e.first.at}])
		}
		l.state.drop(drop)
		l.settled.drop(drop)
	}
	f.uses.drop(gone, settled)
	f.dropSilences(oldest)
}

// drop takes out the episodes of which drop says so.
func (t *tracks) drop(drop func(*track, *episode) bool) {
	kept := (*t)[:0]
	for _, k := range *t {
		done := k.done[:0:0]
		for i := range k.done {
			if !drop(k, &k.done[i]) {
				done = append(done, k.done[i])
			}
		}
		k.done = done
		if k.now.runs > 0 && drop(k, &k.now) {
			k.now = episode{}
		}
		if k.now.runs > 0 || len(k.done) > 0 {
			kept = append(kept, k)
		}
	}
	if len(kept) == 0 {
		kept = nil
	}
	*t = kept
}

// drop takes out lanes, and the hosts that nobody uses then, or that were met
// once, before a time, and never again: pages make up names to pass by caches.
func (u *uses) drop(gone map[*lane]bool, once int64) {
	for name, h := range u.hosts {
		before := len(h.lanes)
		maps.DeleteFunc(h.lanes, func(l *lane, s span) bool {
			return gone[l] || before == 1 && s.first == s.last && s.last < once
		})
		u.count -= before - len(h.lanes)
		if len(h.lanes) == 0 {
			delete(u.hosts, name)
		}
	}
	for a, hosts := range u.above {
		u.above[a] = slices.DeleteFunc(hosts, func(h *host) bool {
			if len(h.lanes) > 0 && h.has(a) {
				return false
			}
			h.in = slices.DeleteFunc(h.in, func(o above) bool { return o == a })
			return true
		})
		if len(u.above[a]) == 0 {
			delete(u.above, a)
		}
	}
}

// dropSilences drops the silences that ended before a time, and agents of which
// nothing is left.
func (f *Fold) dropSilences(oldest int64) {
	over := func(c cover) bool { return c.until+lostAfter < oldest }
	for key, p := range f.agents {
		p.told, p.ran = slices.DeleteFunc(p.told, over), slices.DeleteFunc(p.ran, over)
		if len(p.told)+len(p.ran) == 0 {
			delete(f.agents, key)
		}
	}
}
