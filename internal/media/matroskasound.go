package media

import (
	"math"
	"strconv"
	"strings"
)

// An mkvTrack is what a TrackEntry tells.
type mkvTrack struct {
	number, typ int64
	codec       string
	private     []byte
	delay       int64 // nanoseconds that only prime the decoder
	each        int64 // nanoseconds of a frame, 0 unknown
	hz, outHz   float64
	depth       int64
	squeezed    bool // frames lack bytes or are packed
	encrypted   bool

	kind   sampleKind
	vorbis vorbis
}

// An mkvSound sums up the frames of the track that is heard.
type mkvSound struct {
	looks
	frames        int
	bytes         int64
	known         float64 // seconds of frames whose length is known
	silent        float64
	discard       float64 // at the end, only to be decoded
	cluster, last int64   // ticks
	timed         bool    // last is set
	spanned       float64 // seconds between blocks, where frames don't tell
	steps         int     // so many
}

// mkvCodecs names codecs by the beginnings of their IDs (RFC 9559 §27.11.1,
// draft-ietf-cellar-codec).
var mkvCodecs = []struct{ id, codec string }{
	{"A_OPUS", "opus"},
	{"A_VORBIS", "vorbis"},
	{"A_AAC", "aac"},
	{"A_MPEG/L3", "mp3"},
	{"A_MPEG/L2", "mp2"},
	{"A_MPEG/L1", "mp1"},
	{"A_AC3", "ac3"},
	{"A_EAC3", "eac3"},
	{"A_FLAC", "flac"},
	{"A_ALAC", "alac"},
	{"A_PCM/INT/LIT", "pcm_s%dle"},
	{"A_PCM/INT/BIG", "pcm_s%dbe"},
	{"A_PCM/FLOAT", "pcm_f%dle"},
	{"A_DTS", "dts"},
}

// read takes an element of which p is held.
func (m *matroska) read(id uint32, p []byte) {
	t := &m.track
	v := int64(0)
	if len(p) <= 8 {
		v = max(0, number(p, 0, len(p)))
	}
	switch id {
	case mkvDocType:
		m.webm = ebmlString(p) == "webm"
	case mkvScale:
		m.scale = max(1, v)
	case mkvDuration:
		m.duration = ebmlFloat(p)
	case mkvNumber:
		t.number = v
	case mkvType:
		t.typ = v
	case mkvCodec:
		t.codec = ebmlString(p)
	case mkvPrivate:
		t.private = append([]byte(nil), p...)
	case mkvDelay:
		t.delay = v
	case mkvEach:
		t.each = v
	case mkvHertz:
		t.hz = ebmlFloat(p)
	case mkvOutHertz:
		t.outHz = ebmlFloat(p)
	case mkvChannels:
		t.kind.channels = int(v)
	case mkvDepth:
		t.depth = v
	case mkvSqueezed:
		t.squeezed = true
	case mkvEncrypted:
		t.encrypted = true
	case mkvTime:
		m.sound.cluster = v
	case mkvDiscard:
		m.sound.discard = max(0, float64(signed(p))/1e9)
	case mkvSimple, mkvBlock:
		m.block(p)
	}
}

func signed(p []byte) int64 {
	if len(p) == 0 || len(p) > 8 {
		return 0
	}
	return number(p, 0, len(p)) << (64 - 8*len(p)) >> (64 - 8*len(p))
}

func ebmlFloat(p []byte) float64 {
	v := 0.0
	switch len(p) {
	case 4:
		v = float64(math.Float32frombits(uint32(number(p, 0, 4))))
	case 8:
		v = math.Float64frombits(uint64(number(p, 0, 8)))
	}
	if !(v > 0 && v < 1e15) {
		return 0
	}
	return v
}

// close ends the track being read and keeps the first with sound.
func (m *matroska) close() {
	if m.audio == nil && m.track.typ == 2 {
		t := m.track // on the heap, which each of a million clusters needn't
		t.describe()
		m.audio = &t
	}
	m.track = mkvTrack{}
}

// describe makes out what frames are.
func (t *mkvTrack) describe() {
	k := &t.kind
	k.codec = strings.ToLower(strings.TrimPrefix(t.codec, "A_"))
	for _, c := range mkvCodecs {
		if strings.HasPrefix(t.codec, c.id) {
			k.codec = strings.Replace(c.codec, "%d", strconv.FormatInt(t.depth, 10), 1)
			break
		}
	}
	k.hz = int(max(t.hz, t.outHz))
	switch k.codec {
	case "opus":
		k.hz = opusHertz
	case "aac":
		channels := k.channels
		if len(t.private) > 0 {
			k.configure(t.private)
		}
		k.channels = max(k.channels, channels)
	case "vorbis":
		t.vorbis = xiphVorbis(t.private)
	}
	t.private = nil
}

// xiphVorbis reads the three headers of Vorbis, laced into one element.
func xiphVorbis(p []byte) (v vorbis) {
	sizes, n := xiphLace(slice(p, 1, len(p)), 2)
	at := 1 + n
	if len(sizes) < 2 || at+sizes[0]+sizes[1] > len(p) {
		return v
	}
	v, _ = vorbisOf(p[at : at+sizes[0]])
	v.setup(p[at+sizes[0]+sizes[1]:])
	return v
}

// seconds of all frames, without those that aren't to be heard.
func (s *mkvSound) seconds(t *mkvTrack) float64 {
	all := s.known
	if all == 0 && s.steps > 0 {
		all = s.spanned * float64(s.steps+1) / float64(s.steps) // the last block has a length too
	}
	return max(0, all-float64(t.delay)/1e9-s.discard)
}

// frame counts a frame that begins with p and has size bytes.
func (m *matroska) frame(p []byte, size int) {
	s, t := &m.sound, m.audio
	if size <= 0 {
		return
	}
	l := sampleLook{}
	if !t.squeezed && len(p) == size {
		l = t.kind.look(p)
		s.add(l)
	}
	s.frames++
	s.bytes += int64(size)
	length, silent := t.length(p, size)
	s.known += length
	if silent || l.ok && l.silent {
		s.silent += length
	}
}

// frameMax bounds the seconds of a frame that a stranger declares.
const frameMax = 10

// length is a frame's in seconds, 0 where it doesn't tell. That it is silent is
// told of Vorbis, whose frames are known by their setup alone.
func (t *mkvTrack) length(p []byte, size int) (seconds float64, silent bool) {
	samples := int64(0)
	switch t.kind.codec {
	case "opus":
		if n, ok := opusPacket(p, size); ok {
			return float64(n) / opusHertz, false
		}
	case "vorbis":
		if t.vorbis.hz > 0 {
			n, silent, ok := t.vorbis.samples(p, size)
			return float64(n) / float64(t.vorbis.hz), silent && ok
		}
	case "aac":
		samples = 1024
	case "ac3":
		samples = 1536
	case "mp3":
		if samples = 1152; t.hz < 32000 {
			samples = 576
		}
	}
	if bytes := int64(t.kind.channels) * t.depth / 8; bytes > 0 && strings.HasPrefix(t.kind.codec, "pcm") {
		samples = int64(size) / bytes
	}
	switch {
	case t.each > 0:
		return min(float64(t.each)/1e9, frameMax), false
	case t.hz >= 1:
		return min(float64(samples)/t.hz, frameMax), false
	}
	return 0, false
}
