package drill

import (
	"bytes"
	"encoding/binary"
	"time"
)

// Every frame is MPEG-1 Layer III at 64 kbit/s, 48 kHz, mono: at this rate all
// frames have one size and none needs padding.
const (
	frameBytes = 192
	frameTime  = 24 * time.Millisecond // 1,152 samples
	bitRate    = 64_000
)

// mp3 returns an audio file with a buzz in it, so that it is not silent. line
// is the even frequency line that sounds, in steps of 41.7 Hz, 2 to 16.
func mp3(title string, line int, length time.Duration) []byte {
	var b bytes.Buffer
	b.Write(id3(title))
	frame := soundingFrame(line)
	frames := int(length / frameTime)
	b.Write(infoFrame(frames))
	for range frames {
		b.Write(frame)
	}
	return b.Bytes()
}

// infoFrame is a silent first frame that tells how many follow, as encoders
// write it ("Info"): by it players know the length, and that a file is cut.
func infoFrame(frames int) []byte {
	const at = 4 + 17 // behind the header and mono's side information
	frame := make([]byte, frameBytes)
	copy(frame, soundingFrame(2)[:4])
	tag := append([]byte("Info"), 0, 0, 0, 3) // frames and bytes are told
	tag = binary.BigEndian.AppendUint32(tag, uint32(frames))
	tag = binary.BigEndian.AppendUint32(tag, uint32((frames+1)*frameBytes))
	copy(frame[at:], tag)
	return frame
}

// id3 is an ID3v2.3 tag that holds a title.
func id3(title string) []byte {
	text := append([]byte{0}, title...) // ISO-8859-1
	frame := append([]byte("TIT2"), binary.BigEndian.AppendUint32(nil, uint32(len(text)))...)
	frame = append(append(frame, 0, 0), text...)
	n := len(frame) // written in seven bits a byte
	tag := []byte{'I', 'D', '3', 3, 0, 0, 0, 0, byte(n >> 7 & 0x7f), byte(n & 0x7f)}
	return append(tag, frame...)
}

// soundingFrame is a frame that needs none before it: header, side
// information, and for each of two granules the Huffman code of one line of
// height 1 (ISO 11172-3, table 1), then stuffing.
func soundingFrame(line int) []byte {
	pairs := line/2 + 1 // of lines up to the one that sounds
	codeBits := pairs - 1 + 3
	var w bitWriter
	w.put(0xfffb, 16) // sync, MPEG-1, Layer III, no checksum
	w.put(0b0101, 4)  // 64 kbit/s
	w.put(0b01, 2)    // 48 kHz
	w.put(0, 2)       // no padding, private bit
	w.put(0b1100, 4)  // mono
	w.put(0b0100, 4)  // original
	w.put(0, 9+5+4)   // main data begins here; private; scale factors not shared
	for range 2 {
		w.put(codeBits, 12)
		w.put(pairs, 9)
		w.put(204, 8)           // gain 2^((204-210)/4), a third of full scale
		w.put(0, 4+1)           // no scale factors, long window
		w.put(1<<10|1<<5|1, 15) // table 1 in all regions
		w.put(0, 4+3+3)
	}
	for range 2 {
		w.put(1<<(pairs-1)-1, pairs-1) // pairs (0,0): "1" each
		w.put(0b010, 3)                // pair (1,0): "01", then its sign
	}
	frame := make([]byte, frameBytes)
	copy(frame, w.bytes)
	return frame
}

// bitWriter writes numbers, the highest bit first.
type bitWriter struct {
	bytes []byte
	n     int // bits written
}

func (w *bitWriter) put(v, bits int) {
	for i := bits - 1; i >= 0; i-- {
		if w.n%8 == 0 {
			w.bytes = append(w.bytes, 0)
		}
		w.bytes[w.n/8] |= byte(v>>i&1) << (7 - w.n%8)
		w.n++
	}
}
