package feed

import (
	"fmt"
	"strings"
	"time"
)

// A show is what tells one podcast from another.
type show struct {
	title, guid, self string
	sample            sample
}

func (d *document) show() *show {
	return &show{title: d.title, guid: d.guid, self: d.self, sample: d.sample}
}

// differs reports whether b is another show than a. Shows get new titles, new
// guids and new addresses, and a feed may drop its old episodes; so no single
// change makes another show. One is that has another guid (podcast:guid, which
// is the show's wherever it moves) and another title. One is, too, that has no
// item in common, and another guid, or another title where it isn't the same
// feed by its own account. Items in common don't outweigh guid and title: many
// feeds number theirs alike.
func (a *show) differs(b *show) bool {
	if len(a.sample) == 0 || len(b.sample) == 0 {
		return false
	}
	guids := a.guid != "" && b.guid != ""
	if guids && a.guid != b.guid && a.title != b.title {
		return true
	}
	if len(common(a.sample, b.sample)) > 0 {
		return false
	}
	if guids {
		return a.guid != b.guid
	}
	sameSelf := a.self != "" && bare(a.self) == bare(b.self)
	return a.title != b.title && !sameSelf
}

// bare is a URL without what is changed most often.
func bare(address string) string {
	_, rest, ok := strings.Cut(address, "://")
	if !ok {
		rest = address
	}
	return strings.TrimSuffix(rest, "/")
}

func (a *show) String() string {
	text := fmt.Sprintf("%q", a.title)
	if a.guid != "" {
		text += ", guid " + a.guid
	}
	if a.self != "" {
		text += ", at " + a.self
	}
	return text
}

// A move is what became of all enclosure URLs at once.
type move struct {
	from, to   string // places, the commonest
	moved, all int
}

func (m move) String() string {
	return fmt.Sprintf("the enclosures of %d of %d known items have moved, from %s to %s", m.moved, m.all, m.from, m.to)
}

// minMoved are the fewest items that show a move, and movedShare of a hundred
// must have moved.
const (
	minMoved   = 3
	movedShare = 90
)

// moved tells whether what was published before leads elsewhere in b than it
// did in a.
func moved(a, b sample) (m move, ok bool) {
	ways := map[[2]string]int{}
	for _, way := range common(a, b) {
		if way[0] == "" || way[1] == "" {
			continue
		}
		m.all++
		if way[0] != way[1] {
			m.moved++
			ways[way]++
		}
	}
	most := 0
	for way, n := range ways {
		if n > most || n == most && way[0]+way[1] < m.from+m.to {
			most, m.from, m.to = n, way[0], way[1]
		}
	}
	return m, m.all >= minMoved && m.moved*100 >= m.all*movedShare
}

// host is the one that is asked first after the move.
func (m move) host(feed string) string {
	host, _, _ := strings.Cut(m.to, " → ")
	if host == ownHost {
		return feed
	}
	return host
}

const (
	// acceptAfter is how long another show is reported: one that is served for
	// so long without a break is meant.
	acceptAfter = 24 * time.Hour
	// movedFor is how long a move is reported: for so long apps fetch anew.
	movedFor = time.Hour
)
