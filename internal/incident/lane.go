package incident

import (
	"encoding/hex"
	"hash/fnv"
	"slices"

	"github.com/sonde-media/sonde/probes"
)

// A laneKey is one target as one agent sees it.
type laneKey struct{ region, target, agent string }

// A lane is the runs of one target by one agent.
type lane struct {
	laneKey
	service, kind string
	interval      int64 // ns, of the newest run
	since, newest int64 // begin of the oldest and the newest run
	last          runID // of the newest run
	failing       bool  // the newest run failed

	// recent are the newest runs, oldest first; settled is the state before
	// them and state the one after. A run that comes late is put in its place
	// among the recent ones, and state made anew of settled.
	recent         []mark
	settled, state tracks
}

// How many runs of a lane may come out of order.
const (
	recentWell = 4 // of a lane without trouble
	recentIll  = 16
)

// A mark is one run of a lane.
type mark struct {
	at, received int64
	interval     int64
	id           runID
	trouble      []trouble // what was wrong; a failure comes alone
	reached      []string  // hosts that a failed run got an answer from
	unknown      bool      // it told nothing
}

func (m *mark) failed() bool { return len(m.trouble) > 0 && !m.trouble[0].warning }

// A trouble is a failure or a warning.
type trouble struct {
	trackKey
	code    probes.Code
	culprit string
	detail  string
}

// A runID is the trace ID of a run.
type runID [16]byte

func (id runID) String() string { return hex.EncodeToString(id[:]) }

// idOf takes what is no trace ID too.
func idOf(text string) (id runID) {
	if n, err := hex.Decode(id[:], []byte(text[:min(len(text), 2*len(id))])); n != len(id) || err != nil {
		h := fnv.New128a()
		h.Write([]byte(text))
		h.Sum(id[:0])
	}
	return id
}

type verdict int

const (
	added verdict = iota
	repeated
	late
)

// add puts m in its place.
func (l *lane) add(m mark) verdict {
	if slices.ContainsFunc(l.recent, func(o mark) bool { return o.id == m.id }) {
		return repeated
	}
	i := len(l.recent)
	for i > 0 && m.before(&l.recent[i-1]) {
		i--
	}
	if i == 0 && len(l.recent) >= recentWell {
		return late
	}
	inOrder := i == len(l.recent)
	l.recent = slices.Insert(l.recent, i, m)
	if inOrder {
		l.state.apply(&m)
	} else {
		l.again()
	}
	l.settle()
	return added
}

func (m *mark) before(o *mark) bool {
	return m.at < o.at || m.at == o.at && string(m.id[:]) < string(o.id[:])
}

// again computes the state anew.
func (l *lane) again() {
	l.state = l.settled.clone()
	for i := range l.recent {
		l.state.apply(&l.recent[i])
	}
}

// settle lets go of the oldest runs.
func (l *lane) settle() {
	keep := recentIll
	if len(l.state) == 0 {
		keep = recentWell
	}
	for len(l.recent) > keep {
		l.settled.apply(&l.recent[0])
		l.recent = slices.Delete(l.recent, 0, 1)
	}
	if len(l.state) == 0 {
		l.settled, l.state = nil, nil
	}
}
