package telemetry

import (
	"cmp"
	"maps"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/sonde-media/sonde/probes"
)

// An order puts the facts of one step in the order of their keys without
// comparing them: each key that was told before has a place, and sorting those
// of a run anew would be most of what encoding it costs.
type order struct {
	keys   *keys
	places [maxKeys]any
	taken  [maxKeys / 64]uint64
	strays []probes.Fact // whose keys have no place
}

var orders = sync.Pool{New: func() any { return new(order) }}

// put adds a fact, in place of one of the same key.
func (o *order) put(key string, v any) {
	if at, ok := o.keys.places[key]; ok {
		o.places[at] = v
		o.taken[at/64] |= 1 << (at % 64)
		return
	}
	same := func(f probes.Fact) bool { return f.Key == key }
	if i := slices.IndexFunc(o.strays, same); i >= 0 {
		o.strays[i].Value = v
		return
	}
	o.strays = append(o.strays, probes.Fact{Key: key, Value: v})
}

// take appends the facts as attributes of a span, and forgets them.
func (o *order) take(b []byte) []byte {
	strays := o.strays
	slices.SortFunc(strays, func(a, b probes.Fact) int { return cmp.Compare(a.Key, b.Key) })
	for i, word := range o.taken {
		for ; word != 0; word &= word - 1 {
			at := i*64 + bits.TrailingZeros64(word)
			for len(strays) > 0 && strays[0].Key < o.keys.names[at] {
				b = stray(b, strays[0])
				strays = strays[1:]
			}
			b = fact(b, o.keys.heads[at], o.places[at])
			o.places[at] = nil
		}
		o.taken[i] = 0
	}
	for _, f := range strays {
		b = stray(b, f)
	}
	if len(o.strays) > 0 {
		o.keys = learn(o.strays)
		clear(o.strays)
		o.strays = o.strays[:0]
	}
	return b
}

func stray(b []byte, f probes.Fact) []byte { return fact(b, head(probes.Bounded(f.Key)), f.Value) }

// head is a key as a KeyValue begins.
func head(key string) []byte { return text(nil, 1, key) }

// fact appends one as an attribute of a span, in bounds and in valid UTF-8: one
// stray byte would make the whole request unreadable to its receiver. Of texts
// and lists, which most are, lengths are known beforehand.
func fact(b, head []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		v = probes.Bounded(v)
		b = openFact(b, head, sized(len(v)))
		return append(sizedField(b, 1, len(v)), v...)
	case []string:
		return listFact(b, head, v[:min(len(v), probes.MaxList)])
	}
	return message(b, 9, func(b []byte) []byte {
		return message(append(b, head...), 2, func(b []byte) []byte { return anyValue(b, v) })
	})
}

func listFact(b, head []byte, list []string) []byte {
	size := 0
	for _, t := range list {
		size += sized(sized(len(probes.Bounded(t))))
	}
	b = sizedField(openFact(b, head, sized(size)), 5, size)
	for _, t := range list {
		t = probes.Bounded(t)
		b = sizedField(b, 1, sized(len(t)))
		b = append(sizedField(b, 1, len(t)), t...)
	}
	return b
}

// openFact appends an attribute of a span up to its AnyValue of size bytes.
func openFact(b, head []byte, size int) []byte {
	b = sizedField(b, 9, len(head)+sized(size))
	return sizedField(append(b, head...), 2, size)
}

// sized is how many bytes a field of size bytes takes, with its tag of one
// byte and its length.
func sized(size int) int { return 1 + protowire.SizeVarint(uint64(size)) + size }

// sizedField begins a field of size bytes, which has a number below 16.
func sizedField(b []byte, number byte, size int) []byte {
	b = append(b, number<<3|byte(protowire.BytesType))
	if size < 0x80 {
		return append(b, byte(size))
	}
	return protowire.AppendVarint(b, uint64(size))
}

// What is remembered of keys. Our code and the labels of targets bound them; a
// key beyond is sorted in.
const (
	maxKeys = 512
	maxKey  = 100 // bytes of one
)

// keys are those that facts were told by, in order. They don't change.
type keys struct {
	places map[string]int
	names  []string
	heads  [][]byte
}

// known are the keys of this process, which all runs share.
var (
	known    atomic.Pointer[keys]
	learning sync.Mutex // held while known is replaced
)

func knownKeys() *keys {
	if k := known.Load(); k != nil {
		return k
	}
	return new(keys)
}

// learn returns the known keys with those of facts, where there is room.
func learn(facts []probes.Fact) *keys {
	learning.Lock()
	defer learning.Unlock()
	before := knownKeys()
	places := maps.Clone(before.places)
	if places == nil {
		places = map[string]int{}
	}
	for _, f := range facts {
		if len(places) < maxKeys && len(f.Key) <= maxKey && probes.Bounded(f.Key) == f.Key {
			places[f.Key] = 0
		}
	}
	if len(places) == len(before.places) {
		return before
	}
	after := &keys{places: places, names: slices.Sorted(maps.Keys(places))}
	for at, name := range after.names {
		places[name] = at
		after.heads = append(after.heads, head(name))
	}
	known.Store(after)
	return after
}
