package media

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// An aacConfig is an AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1).
type aacConfig struct {
	object   int // audio object type of the base layer
	hz       int // that is heard, with SBR where it is signalled
	channels int // that are heard, with PS where it is signalled; 0: in the stream
	layout   int // channelConfiguration
	enhanced bool
}

// aacChannels are the channels by channelConfiguration (§1.6.3.5).
var aacChannels = [...]int{0, 1, 2, 3, 4, 5, 6, 8, 0, 0, 0, 7, 8, 24, 8, 0}

func aacConfigOf(p []byte) (c aacConfig, ok bool) {
	r := &bitReader{b: p}
	c.object = r.object()
	c.hz = r.hertz()
	c.layout = r.read(4)
	c.channels = aacChannels[c.layout]
	if c.object == 5 || c.object == 29 { // SBR, and PS with it, said in front
		if c.object == 29 && c.channels == 1 {
			c.channels = 2
		}
		c.hz = r.hertz()
		c.object, c.enhanced = r.object(), true
		return c, !r.over && c.hz > 0
	}
	ok = !r.over && c.hz > 0
	if ok && c.object <= 4 && c.object > 0 {
		c.extend(r)
	}
	return c, ok
}

// extend reads SBR and PS said behind the configuration, for old decoders to
// overlook (§1.6.5.3).
func (c *aacConfig) extend(r *bitReader) {
	r.read(1)
	if r.flag() {
		r.read(14)
	}
	r.read(1)
	if c.layout == 0 || r.left() < 16 || r.read(11) != 0x2B7 || r.object() != 5 || !r.flag() {
		return
	}
	if hz := r.hertz(); hz > 0 {
		c.hz, c.enhanced = hz, true
	}
	if r.left() >= 12 && r.read(11) == 0x548 && r.flag() && c.channels == 1 {
		c.channels = 2
	}
}

// look checks a raw data block as far as it can be read. Silence may have
// sound that SBR adds, so it is told of the plain kind alone.
func (c *aacConfig) look(p []byte) sampleLook {
	if c.object < 1 || c.object > 4 {
		return sampleLook{} // error-resilient, low-delay and unified kinds are coded otherwise
	}
	channels := aacChannels[c.layout]
	switch element := p[0] >> 5; {
	case channels == 0:
	case element == elementLowFrequency || element == elementCoupling:
		return sampleLook{known: true} // which never come first
	case element == elementPair && channels == 1:
		channels = 2 // wrongly signalled, and played
	}
	block := readAAC(p, channels)
	return sampleLook{known: true, ok: !block.bad, sure: !block.bad && closed(p), silent: block.silent && !c.enhanced}
}

func (r *bitReader) left() int { return 8*len(r.b) - r.pos }

// object reads an audio object type.
func (r *bitReader) object() int {
	if n := r.read(5); n != 31 {
		return n
	}
	return 32 + r.read(6)
}

// hertz reads a sample rate.
func (r *bitReader) hertz() int {
	index := r.read(4)
	switch {
	case index == 15:
		return r.read(24)
	case index < len(adtsHertz):
		return adtsHertz[index]
	}
	return 0
}

// closed reports whether a raw data block ends with an end element, of three
// ones, and zeros to fill a byte. Not all encoders fill with zeros.
func closed(p []byte) bool {
	p = bytes.TrimRight(p, "\x00")
	if len(p) < 2 {
		return len(p) > 0 && p[0]>>bits.TrailingZeros8(p[0])&7 == 7
	}
	v := binary.BigEndian.Uint16(p[len(p)-2:])
	return v>>bits.TrailingZeros16(v)&7 == 7
}
