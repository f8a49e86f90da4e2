package media

import (
	"math"
	"strconv"
	"strings"
)

// A pcmKind is what the description of uncompressed samples says of them
// (QuickTime File Format "Sound Sample Descriptions", ISO/IEC 23003-5).
type pcmKind struct {
	entry  string // of the description, "" where samples are compressed
	bits   int
	little bool // the lowest byte comes first
	float  bool
}

// mp4PCM tells what the entries say that say it all; others have bits of their
// own.
var mp4PCM = map[string]pcmKind{
	"sowt": {little: true}, "twos": {}, "raw ": {}, "none": {}, "in24": {bits: 24}, "in32": {bits: 32},
	"fl32": {bits: 32, float: true}, "fl64": {bits: 64, float: true}, "lpcm": {}, "ipcm": {}, "fpcm": {float: true},
}

// pcmOf is the kind of an entry that may be of uncompressed samples.
func pcmOf(entry string, bits int64) pcmKind {
	entry = strings.ToLower(entry)
	k, ok := mp4PCM[entry]
	if !ok {
		return pcmKind{}
	}
	k.entry = entry
	if k.bits == 0 {
		k.bits = int(bits)
	}
	return k
}

// linear reads the flags of QuickTime's "lpcm" (CoreAudio's
// AudioStreamBasicDescription): float, big-endian.
func (k *pcmKind) linear(bits, flags int64) {
	k.bits, k.float, k.little = int(bits), flags&1 != 0, flags&2 == 0
}

// name is the codec as FFmpeg has it.
func (k pcmKind) name() string {
	bits, order := strconv.Itoa(min(max((k.bits+7)/8, 1), 8)*8), "be"
	if k.little {
		order = "le"
	}
	switch {
	case k.float:
		return "pcm_f" + bits + order
	case k.bits > 8:
		return "pcm_s" + bits + order
	case k.entry == "raw " || k.entry == "none":
		return "pcm_u8"
	}
	return "pcm_s8"
}

// describePCM finishes what a description says of uncompressed samples, and fits
// those that are said to have one byte each to what PCM has.
func (s *sampleKind) describePCM(bits int64) {
	if s.pcm.entry != "" {
		s.codec, bits = s.pcm.name(), int64(s.pcm.bits)
	}
	if strings.HasSuffix(s.codec, "law") {
		bits = 8 // whatever the description says
	}
	if strings.HasPrefix(s.codec, "pcm") && (s.packed < 1 || s.packet < 1) {
		s.packet, s.packed = int64(s.channels)*max(1, bits/8), 1
	}
	if s.packet <= 0 || s.packed <= 0 {
		s.packet, s.packed = 0, 0
	}
}

// hertzOf is a sample rate that is a float of eight bytes.
func hertzOf(v int64) int {
	if f := math.Float64frombits(uint64(v)); f >= 1 && f < 1<<24 {
		return int(f)
	}
	return 0
}
