package media

// looks count what looks into samples tell.
type looks struct{ checked, good, sure int }

func (t *looks) add(l sampleLook) {
	if !l.known {
		return
	}
	t.checked++
	if l.ok {
		t.good++
	}
	if l.sure {
		t.sure++
	}
}

// foreign reports whether the samples looked into are something else: most of
// them begin as none can, or many do and hardly any is told for sure.
func (t looks) foreign() bool {
	return t.good*2 < t.checked || t.sure*8 < t.checked && t.good*10 < t.checked*9
}

// A sampleLook is what a look into a sample tells.
type sampleLook struct {
	known  bool // this codec's samples can be told at all
	ok     bool // it begins as they do
	sure   bool // which chance hardly makes
	silent bool // digital silence, for sure
	lost   bool // decoders leave it out
}

// look looks into a sample.
func (s *sampleKind) look(p []byte) (l sampleLook) {
	if len(p) == 0 {
		return sampleLook{known: true}
	}
	switch s.codec {
	case "aac":
		return s.aac.look(p)
	case "opus":
		_, l.ok = opusPacket(p, len(p))
		l.silent = opusSilent(p, len(p))
	case "alac": // an element, its instance, twelve zeros (Apple's ALACDecoder)
		l.ok = len(p) > 2 && p[0]>>5 != 7 && p[0]&1 == 0 && p[1] == 0 && p[2]&0xE0 == 0
	case "ac3", "eac3":
		l.ok = len(p) > 1 && p[0] == 0x0B && p[1] == 0x77
	case "flac":
		return lookFLAC(p, s.flac)
	case "mp3":
		l.ok = len(p) > 1 && p[0] == 0xFF && p[1]&0xE0 == 0xE0 && p[1]&6 != 0
	case "amr_nb", "amr_wb":
		l.ok = p[0]&0x83 == 0
	default:
		return l
	}
	l.known, l.sure = true, l.ok
	return l
}

// A sampleKind is what a sample description says of sound (ISO/IEC 14496-12
// §12.2.3, QuickTime File Format "Sound Sample Description").
type sampleKind struct {
	codec     string
	hz        int
	channels  int
	bitrate   int // bit/s as declared, 0 unknown
	protected bool
	skip      int64 // samples that only prime the decoder
	aac       aacConfig
	pcm       pcmKind
	flac      flacInfo
	packet    int64 // bytes of a QuickTime packet, and the samples in it
	packed    int
}
