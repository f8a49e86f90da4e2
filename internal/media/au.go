package media

import "encoding/binary"

// auKinds are the codecs by encoding in the header of an .au file (Sun's
// audio_filehdr, later NeXT's), bytes of a sample, and what silence is made of.
// Where samples have no bytes of their own, bits tell their size.
var auKinds = map[uint32]struct {
	codec string
	bits  int
	zeros []byte
}{
	1:  {"pcm_mulaw", 8, []byte{0xFF, 0x7F}},
	2:  {"pcm_s8", 8, []byte{0}},
	3:  {"pcm_s16be", 16, []byte{0}},
	4:  {"pcm_s24be", 24, []byte{0}},
	5:  {"pcm_s32be", 32, []byte{0}},
	6:  {"pcm_f32be", 32, []byte{0}},
	7:  {"pcm_f64be", 64, []byte{0}},
	23: {"adpcm_g726", 4, nil},
	24: {"adpcm_g722", 4, nil},
	27: {"pcm_alaw", 8, []byte{0xD5, 0x55}},
}

// sunHead is the header's length without the text that stands behind it.
//
//	".snd" | offset of the samples | their bytes | encoding | rate | channels
const sunHead = 24

// newAU reads .au: the header of a riff's samples, without chunks.
func newAU(size int64) parser {
	w := &riff{size: size, order: binary.BigEndian, box: "au", typ: "audio/basic"}
	w.form = w.sun
	return w
}

// sun reads the header at b.
func (w *riff) sun(b []byte) int {
	if len(b) < sunHead {
		return len(b)
	}
	be := binary.BigEndian
	size, encoding, p := int64(be.Uint32(b[8:])), be.Uint32(b[12:]), &w.pcm
	if size == 0xFFFFFFFF {
		size = 0 // unknown
	}
	p.hz, p.channels, p.samples = int(be.Uint32(b[16:])), int(be.Uint32(b[20:])), 1
	k := auKinds[encoding]
	p.codec, p.zeros = k.codec, k.zeros
	p.pack(k.bits)
	if k.codec == "" {
		w.odd = "au encoding " + hex(int(encoding))
	}
	w.begin(8, size)
	w.skip = max(0, int64(be.Uint32(b[4:]))-sunHead)
	return sunHead
}
