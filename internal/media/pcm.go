package media

import "bytes"

// pcm counts samples that stand one behind the other, uncompressed or in blocks
// of one length, and finds silence among them.
type pcm struct {
	codec    string
	hz       int
	channels int
	block    int    // bytes of a sample of all channels, or of a block of several
	samples  int    // in a block
	second   int64  // bytes of a second, where frames have no one length; else 0
	zeros    []byte // the bytes that silence is made of; none where it can't be told

	bytes  int64
	unit   int   // bytes so far of those that are looked at together
	loud   bool  // some of them aren't zero
	silent int64 // bytes of silent units
}

// unitBlocks are looked at together: single zeros aren't silence.
const unitBlocks = 1024

// valid reports whether a decoder could begin.
func (p *pcm) valid() bool {
	return p.codec != "" && p.hz >= 100 && p.channels > 0 && p.block > 0 && p.samples > 0 && p.samples <= 8*p.block &&
		(p.second == 0 || p.second >= 100)
}

// pack sets the block of samples of so many bits, which may share bytes.
func (p *pcm) pack(bits int) {
	p.block, p.samples = bits*p.channels, 1
	for p.block%8 != 0 {
		p.block, p.samples = 2*p.block, 2*p.samples
	}
	p.block /= 8
}

// pace corrects how many bytes a second takes by what is stated of samples and
// of their bytes: many encoders write the first as they like.
func (p *pcm) pace(bytes, samples int64) {
	if p.second == 0 || bytes <= 0 || samples <= 0 {
		return
	}
	if told := float64(bytes) * float64(p.hz) / float64(samples); told > float64(p.second)/4 && told < float64(p.second)*4 {
		p.second = int64(told)
	}
}

func (p *pcm) bitrate() int {
	if p.second > 0 {
		return int(p.second * 8)
	}
	return int(float64(p.block) * 8 * float64(p.hz) / float64(p.samples))
}

// seconds that so many bytes last.
func (p *pcm) seconds(n int64) float64 {
	if p.second > 0 {
		return float64(n) / float64(p.second)
	}
	return float64(n/int64(p.block)) * float64(p.samples) / float64(p.hz)
}

func (p *pcm) write(b []byte) {
	p.bytes += int64(len(b))
	if len(p.zeros) == 0 {
		return
	}
	for len(b) > 0 {
		n := min(unitBlocks*p.block-p.unit, len(b))
		p.loud = p.loud || !p.zero(b[:n])
		p.unit += n
		b = b[n:]
		if p.unit == unitBlocks*p.block {
			p.close()
		}
	}
}

// close ends a unit.
func (p *pcm) close() {
	if !p.loud {
		p.silent += int64(p.unit)
	}
	p.unit, p.loud = 0, false
}

func (p *pcm) zero(b []byte) bool {
	n := 0
	for i := range p.zeros {
		n += bytes.Count(b, p.zeros[i:i+1])
	}
	return n == len(b)
}

// waveCodec is the name, as FFmpeg has it, of the samples of a WAVE format (mmreg.h)
// by tag and bits, and the bytes that silence is made of.
func waveCodec(tag, bits int) (codec string, zeros []byte) {
	zero := []byte{0}
	switch {
	case tag == 1 && bits <= 8:
		return "pcm_u8", []byte{0x80}
	case tag == 1 && bits <= 16:
		return "pcm_s16le", zero
	case tag == 1 && bits <= 24:
		return "pcm_s24le", zero
	case tag == 1 && bits <= 32:
		return "pcm_s32le", zero
	case tag == 3 && bits == 32:
		return "pcm_f32le", zero
	case tag == 3 && bits == 64:
		return "pcm_f64le", zero
	case tag == 6:
		return "pcm_alaw", []byte{0xD5, 0x55}
	case tag == 7:
		return "pcm_mulaw", []byte{0xFF, 0x7F}
	case tag == 2:
		return "adpcm_ms", nil
	case tag == 0x11:
		return "adpcm_ima_wav", nil
	case tag == 0x31:
		return "gsm_ms", nil
	}
	return "", nil
}

// waveSqueezed are formats by tag of which nothing is checked, with the bits that
// a sample takes: -1 as stated, 0 that depends.
var waveSqueezed = map[int]struct {
	codec string
	bits  int
}{
	0x20: {"adpcm_yamaha", 4}, 0x28F: {"adpcm_g722", 4}, 0x45: {"adpcm_g726", -1}, 0x64: {"adpcm_g726", -1},
	0x42: {"g723_1", 0}, 0x22: {"truespeech", 0}, 0x83: {"g729", 0},
	0x160: {"wmav1", 0}, 0x161: {"wmav2", 0}, 0x162: {"wmapro", 0}, 0x163: {"wmalossless", 0},
	0x2000: {"ac3", 0}, 0x2001: {"dts", 0}, 0x270: {"atrac3", 0},
}

// aiffCodec is the same of AIFF and AIFF-C.
func aiffCodec(kind string, bits int) (codec string, zeros []byte) {
	zero := []byte{0}
	size := [...]string{"8", "16", "24", "32"}[min(max(bits-1, 0)/8, 3)]
	switch kind {
	case "", "NONE", "twos":
		if size == "8" {
			return "pcm_s8", zero
		}
		return "pcm_s" + size + "be", zero
	case "sowt":
		return "pcm_s" + size + "le", zero
	case "raw ":
		if size == "8" {
			return "pcm_u8", []byte{0x80}
		}
		return "pcm_s" + size + "be", zero
	case "in24", "in32":
		return "pcm_s" + kind[2:] + "be", zero
	case "42ni", "23ni":
		return map[string]string{"42ni": "pcm_s24le", "23ni": "pcm_s32le"}[kind], zero
	case "ima4":
		return "adpcm_ima_qt", nil
	case "fl32", "FL32":
		return "pcm_f32be", zero
	case "fl64", "FL64":
		return "pcm_f64be", zero
	case "alaw", "ALAW":
		return "pcm_alaw", []byte{0xD5, 0x55}
	case "ulaw", "ULAW":
		return "pcm_mulaw", []byte{0xFF, 0x7F}
	}
	return "", nil
}
