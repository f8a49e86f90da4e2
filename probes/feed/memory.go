package feed

import (
	"net/http"
	"sync"
	"time"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
)

// A server that answers 304 is believed for a while only: one that always does
// would hide a feed that has gone bad.
const (
	maxSpared = 10 // runs in a row
	trustFor  = time.Hour
)

// A memory is what a target's runs tell the ones after them. It holds little
// of a feed, and none of its bytes. The zero memory is empty.
type memory struct {
	mu sync.Mutex // guards all below

	doc    *document // as last read, nil where that failed
	sum    sum
	large  bool   // it was too large to be held in memory
	at     string // the URL it came from
	since  wire.Validators
	read   time.Time // when its bytes came last
	spared int       // runs since, answered with 304

	known *show     // the one that belongs here
	other *show     // the one that is served in its place, nil where none is
	seen  time.Time // when that began

	move    move
	movedAt time.Time
}

// recall is the document of the run before and what to ask with whether it has
// changed; no validators where the whole document is wanted.
func (m *memory) recall(now time.Time) (wire.Validators, *document) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.doc == nil || m.spared >= maxSpared || now.Sub(m.read) >= trustFor {
		return wire.Validators{}, nil
	}
	return m.since, m.doc
}

// wasLarge reports whether a document too large for memory may come again.
func (m *memory) wasLarge() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.doc != nil && m.large
}

// spare counts a run that was answered with 304.
func (m *memory) spare() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.spared++
}

// same is the document that these bytes from this URL made before, nil where
// they are others.
func (m *memory) same(bytes sum, at string) *document {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sum != bytes || m.at != at {
		return nil
	}
	return m.doc
}

// learn remembers doc, made of bytes that came with res, nil where nobody could
// read them.
func (m *memory) learn(doc *document, bytes sum, res *wire.Response, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.doc, m.sum, m.at, m.read, m.spared = doc, bytes, res.URL.String(), now, 0
	m.large = res.Size > maxHeld
	m.since = wire.Validators{}
	if res.Complete {
		m.since = wire.Validators{ETag: validator(res.Header, "Etag"), LastModified: validator(res.Header, "Last-Modified")}
	}
}

// validator is a header's value, "" for one that is too long to send back.
func validator(h http.Header, key string) string {
	if v := h.Get(key); len(v) <= 1<<10 {
		return v
	}
	return ""
}

// judge compares doc with what was served under the URL before, and says what
// is wrong with it.
func (m *memory) judge(doc *document, now time.Time) []probes.Finding {
	m.mu.Lock()
	defer m.mu.Unlock()
	served := doc.show()
	if len(served.sample) == 0 {
		return nil
	}
	switch {
	case m.known == nil || !m.known.differs(served):
		m.recognize(served, now)
	case m.impostor(served, now):
		return []probes.Finding{probes.Note(probes.FeedIdentity, doc.host, "another show is served here: "+served.String()+"; it was "+m.known.String())}
	}
	if now.Sub(m.movedAt) < movedFor {
		return []probes.Finding{probes.Note(probes.EnclosureMoved, m.move.host(doc.host), m.move.String())}
	}
	return nil
}

// recognize takes served as the show that belongs here.
func (m *memory) recognize(served *show, now time.Time) {
	if m.known != nil {
		if mv, ok := moved(m.known.sample, served.sample); ok {
			m.move, m.movedAt = mv, now
		}
	}
	m.known, m.other = served, nil
}

// impostor reports whether served, another show, is wrong here: it belongs here
// once it has been served for long enough.
func (m *memory) impostor(served *show, now time.Time) bool {
	if m.other == nil || m.other.differs(served) {
		m.seen = now
	}
	m.other = served
	if now.Sub(m.seen) < acceptAfter {
		return true
	}
	m.known, m.other = served, nil
	return false
}
