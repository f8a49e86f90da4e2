package enclosure_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sonde-media/sonde/internal/wire/wiretest"
	"github.com/sonde-media/sonde/probes"
)

func sri(sum [sha256.Size]byte) string { return "sha256-" + base64.StdEncoding.EncodeToString(sum[:]) }

// quiet are frames without sound: their side information is zero.
var quiet = append([]byte{0xFF, 0xFB, 0x54, 0xC4}, make([]byte, 188)...)

func TestWhole(t *testing.T) {
	for _, c := range []struct {
		name, integrity string
		body            []byte
		findings        string // of decode
		says            string
		seconds         float64
	}{
		{"sound", sri(sha256.Sum256(audio)), audio, "", "", 36},
		{"silence", "", bytes.Repeat(quiet, 1500), " ?media_silent", "36.0 s of 36.0 s are digital silence", 36},
		{"silence with a word in it", "", append(bytes.Repeat(quiet, 1000), audio...), "", "", 60},
		{"another file than promised", sri(sha256.Sum256(frame)), audio, " ?integrity_mismatch", "promised is sha256-", 36},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := probes.Options{"full": true, "seek": false, "head": false}
			if c.integrity != "" {
				o["integrity"] = c.integrity
			}
			r, found := probeEdge(t, &edge{body: c.body}, o)
			if got := wiretest.Outline(r.Root); got != listen+"  decode"+c.findings+"\n" || !strings.Contains(found, c.says) {
				t.Errorf("got\n%s%s", got, found)
			}
			d := r.Root.Steps[1]
			if got, _ := d.Attrs[probes.AttrMediaSeconds].(float64); math.Abs(got-c.seconds) > c.seconds/50 {
				t.Errorf("%v s of audio, want %v", got, c.seconds)
			}
			if got := d.Int(probes.AttrMediaRate); got != 48000 {
				t.Errorf("%d Hz", got)
			}
		})
	}
}

// With the whole file ranges further on are looked at too.
func TestWholeSeeks(t *testing.T) {
	var e edge
	r, found := probeEdge(t, &e, probes.Options{"full": true})
	want := listen + "  seek\n" + opened + "  seek\n" + further + "  head\n" + bare + "  decode\n"
	if got := wiretest.Outline(r.Root); got != want || found != "" {
		t.Errorf("got\n%s%swant\n%s", got, found, want)
	}
}

// A server that sends less than is played.
func TestSlow(t *testing.T) {
	t.Parallel()
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "audio/mpeg")
		w.Write(audio[:len(frame)*110]) // 2.6 s
		w.(http.Flusher).Flush()
		time.Sleep(4 * time.Second)
		w.Write(audio[len(frame)*110:])
	})
	r, found := probeEdge(t, slow, probes.Options{"full": true, "seek": false, "head": false})
	if got := wiretest.Outline(r.Root); got != listen+"  decode ?media_slow\n" || !strings.Contains(found, "stalls after 2.6 s of sound") {
		t.Errorf("got\n%s%s", got, found)
	}
}

// What players step over is told without a finding.
func TestFlaws(t *testing.T) {
	half := len(audio) / len(frame) / 2 * len(frame)
	body := slices.Concat(audio[:half], make([]byte, 1000), audio[half:])
	r, found := probeEdge(t, &edge{body: body}, probes.Options{"full": true, "seek": false, "head": false})
	flaws, _ := r.Root.Steps[1].Attrs[probes.AttrMediaFlaws].([]string)
	if want := []string{"1000 bytes that are neither frames nor tags, in 1 place"}; !slices.Equal(flaws, want) || found != "" {
		t.Errorf("got %q and %q, want %q", flaws, found, want)
	}
}
