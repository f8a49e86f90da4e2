package media

import (
	"bytes"
	"encoding/binary"
)

// An oggSound is what the first packet of a stream says of its sound.
type oggSound struct {
	codec    string
	hz       int // that granules count in
	channels int
	bitrate  int
	headers  int   // packets in front of sound
	skip     int64 // samples at the beginning that only prime the decoder
	counted  bool  // granules alone tell the samples of packets
	longest  int64 // samples of a packet, where counted
	frame    int64 // samples of each packet, where all have as many
	vorbis   vorbis
	flac     flacInfo
}

// oggSoundOf reads a first packet.
func oggSoundOf(p []byte) (s oggSound, ok bool) {
	switch {
	case bytes.HasPrefix(p, []byte("OpusHead")):
		h, ok := opusHeadOf(p)
		return oggSound{codec: "opus", hz: opusHertz, channels: h.channels, headers: 2, skip: h.skip}, ok
	case bytes.HasPrefix(p, []byte("\x01vorbis")):
		v, ok := vorbisOf(p)
		return oggSound{codec: "vorbis", hz: v.hz, channels: v.channels, bitrate: v.bitrate, headers: 3, vorbis: v}, ok
	case bytes.HasPrefix(p, []byte("Speex   ")):
		return speexOf(p)
	case bytes.HasPrefix(p, []byte("\x7FFLAC")):
		return oggFLACOf(p)
	}
	return s, false
}

// speexOf reads Speex's header (The Speex Codec Manual, §8).
func speexOf(p []byte) (s oggSound, ok bool) {
	if len(p) < 80 {
		return s, false
	}
	field := func(i int) int64 { return int64(int32(binary.LittleEndian.Uint32(p[i:]))) }
	hz, channels, frame, frames, extra := field(36), field(48), field(56), max(1, field(64)), field(68)
	s = oggSound{
		codec: "speex", hz: int(hz), channels: int(channels), bitrate: int(max(0, field(52))),
		headers: 2 + int(min(max(0, extra), 16)), frame: frame * frames,
	}
	return s, hz >= 6000 && hz <= 48000 && (channels == 1 || channels == 2) && frame > 0 && frame <= 640 && frames <= 10
}

// oggFLACOf reads the mapping's first packet (FLAC to Ogg, version 1): the
// magic, a version, the count of headers, then what a FLAC file begins with.
func oggFLACOf(p []byte) (s oggSound, ok bool) {
	if len(p) < 51 || p[5] != 1 || string(p[9:13]) != "fLaC" {
		return s, false
	}
	info := flacInfoOf(p[17:])
	s = oggSound{
		codec: "flac", hz: info.hz, channels: info.channels, flac: info,
		headers: 1 + int(number(p, 7, 2)), counted: true, longest: number(p, 17+2, 2),
	}
	if s.longest == 0 {
		s.longest = 1<<16 - 1
	}
	return s, s.hz > 0
}

// keep is how many bytes of a packet are needed.
func (s *oggSound) keep(packet int) int {
	if s.codec == "vorbis" && packet == 2 {
		return vorbisSetupMax
	}
	return 256
}

// header reports whether packet i stands in front of sound. FLAC's count may be
// zero for unknown; frames begin with a sync code that headers can't have.
func (s *oggSound) header(i int, p []byte) bool {
	if s.codec == "flac" {
		return len(p) == 0 || p[0] != 0xFF
	}
	return i < s.headers
}

// setup reads a header and says what is wrong with it.
func (s *oggSound) setup(i int, p []byte) (broken string) {
	switch {
	case s.codec == "opus" && i == 1 && string(slice(p, 0, 8)) != "OpusTags":
		return "its headers aren't those of Opus"
	case s.codec != "vorbis" || i == 0:
		return ""
	}
	if len(p) < 7 || string(p[1:7]) != "vorbis" || int(p[0]) != 1+2*i {
		return "its headers aren't Vorbis's"
	}
	if i == 2 {
		s.vorbis.setup(p)
	}
	return ""
}

// samples checks a packet of sound, of size bytes, that begins with p.
func (s *oggSound) samples(p []byte, size int) (n int64, silent, ok bool) {
	switch s.codec {
	case "opus":
		n, ok = opusPacket(p, size)
		return n, ok && opusSilent(p, size), ok
	case "vorbis":
		return s.vorbis.samples(p, size)
	case "flac":
		h := parseFLAC(p, s.flac)
		return int64(h.samples), h.samples > 0 && h.silent(p), len(p) > 1 && p[1]&0xFE == 0xF8
	}
	return s.frame, false, size > 0
}
