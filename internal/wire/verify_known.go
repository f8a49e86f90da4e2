package wire

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"sync"
	"time"
)

const (
	keepChain  = time.Hour // so that roots exchanged meanwhile count
	knownBytes = 16 << 20  // of memory for one of two generations
	knownChain = 64 << 10  // of the certificates of a chain that is kept
)

// known keeps the chains that led to a trusted root, by all the bytes served.
// Refusals are not kept: a chain that is mended is taken at once. Of two
// generations the older is dropped when the younger is full; what is asked for
// moves to the younger. The zero value is empty. It is safe for concurrent use.
type known struct {
	mu         sync.Mutex // guards what follows
	young, old map[[sha256.Size]byte]*chain
	bytes      int // of young
}

// get returns the chain of key where its verdict holds at now, else nil.
func (k *known) get(key [sha256.Size]byte, now time.Time) *chain {
	k.mu.Lock()
	defer k.mu.Unlock()
	c, ok := k.young[key]
	if !ok {
		if c, ok = k.old[key]; !ok {
			return nil
		}
		k.add(key, c)
	}
	if !now.After(c.from) || !now.Before(c.until) {
		return nil
	}
	return c
}

func (k *known) put(key [sha256.Size]byte, c *chain) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.add(key, c)
}

// add puts c into the young generation; the caller holds the lock.
func (k *known) add(key [sha256.Size]byte, c *chain) {
	size := sizeOf(c.served)
	if size > knownChain {
		return
	}
	size = 3<<10 + 5*size // as measured, with what is parsed and recorded of it
	if _, ok := k.young[key]; !ok {
		k.bytes += size
	}
	if k.bytes > knownBytes || k.young == nil {
		k.old, k.young, k.bytes = k.young, map[[sha256.Size]byte]*chain{}, size
	}
	k.young[key] = c
}

func sizeOf(served []*x509.Certificate) (n int) {
	for _, c := range served {
		n += len(c.Raw)
	}
	return n
}

// digest identifies a served chain. Lengths are part of it, so that no other
// chain has the same bytes.
func digest(served []*x509.Certificate) (sum [sha256.Size]byte) {
	h := sha256.New()
	var length [8]byte
	for _, c := range served {
		binary.BigEndian.PutUint64(length[:], uint64(len(c.Raw)))
		h.Write(length[:])
		h.Write(c.Raw)
	}
	h.Sum(sum[:0])
	return sum
}

// window returns the moments around now between which none of certs begins or
// ends, keepChain apart from now at most. Between them, both excluded, a
// verdict that was found of certs holds.
func window(certs []*x509.Certificate, now time.Time) (from, until time.Time) {
	from, until = now.Add(-keepChain), now.Add(keepChain)
	for _, c := range certs {
		if c.NotBefore.After(now) {
			until = earlier(until, c.NotBefore)
		} else {
			from = later(from, c.NotBefore)
		}
		if c.NotAfter.Before(now) {
			from = later(from, c.NotAfter)
		} else {
			until = earlier(until, c.NotAfter)
		}
	}
	return from, until
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
