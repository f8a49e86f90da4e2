package enclosure

import (
	"fmt"
	"time"

	"github.com/sonde-media/sonde/internal/media"
	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
)

// decode says what the bytes are and whether they play.
func (l *listening) decode(res *wire.Response, e Stated) (err error) {
	d := l.step.Begin("decode")
	defer d.Done(&err)
	r := l.ear.report()
	d.Set(probes.AttrServerAddress, l.file.host)
	note(d, r)
	d.Set(probes.AttrDetail, lacks(r))
	if !r.Playable() {
		return probes.Fail(probes.MediaType, notAudio(r, l.file.typ))
	}
	if r.Err != nil {
		return probes.Fail(probes.MediaUndecodable, r.Err)
	}
	if l.ear.started > 0 {
		d.Set(probes.AttrMediaStartup, float64(l.ear.started)/float64(time.Millisecond))
	}
	find := func(code probes.Code, prefix string, err error) {
		if err != nil {
			d.Find(probes.Note(code, l.file.host, prefix+err.Error()))
		}
	}
	find(probes.TypeMismatch, "the answer: ", r.Agrees(l.file.typ))
	find(probes.TypeMismatch, "the feed: ", r.Agrees(e.Type))
	find(probes.LengthMismatch, "", l.file.lengthDiffers(e.Length))
	find(probes.MediaSlow, "", l.slow(res, r))
	if l.ear.whole {
		find(probes.MediaTruncated, "", r.Cut)
		find(probes.MediaSilent, "", l.silent(r))
		find(probes.IntegrityMismatch, "", l.ear.broken())
	}
	return nil
}

// note notes what r found.
func note(d *probes.Step, r media.Report) {
	d.Set(probes.AttrMediaType, r.Type)
	d.Set(probes.AttrMediaCodec, r.Codec)
	d.Set(probes.AttrMediaBox, r.Container)
	d.Set(probes.AttrMediaFlaws, r.Flaws)
	if r.Frames > 0 {
		d.Set(probes.AttrMediaFrames, r.Frames)
		d.Set(probes.AttrMediaSeconds, r.Seconds)
	}
	for key, n := range map[string]int{
		probes.AttrMediaBitrate: r.Bitrate, probes.AttrMediaRate: r.SampleRate, probes.AttrMediaChans: r.Channels,
	} {
		if n > 0 {
			d.Set(key, n)
		}
	}
	if r.Duration > 0 {
		d.Set(probes.AttrMediaLength, r.Duration)
	}
}

// lacks says why there is no sound in what came, "" where there is, or where it
// isn't known that there would be more.
func lacks(r media.Report) string {
	if r.Frames > 0 || r.Err != nil || r.Want == (media.Span{}) {
		return ""
	}
	return fmt.Sprintf("no sound is in the bytes that came; %s would tell more", spanText(r.Want))
}

func notAudio(r media.Report, stated string) error {
	if r.Err != nil { // a file that could hold sound, such as a film without any
		return fmt.Errorf("no audio: %w", r.Err)
	}
	if err := r.Agrees(stated); err != nil {
		return fmt.Errorf("no audio: %w", err)
	}
	return fmt.Errorf("no audio: the bytes are %s", r.Type)
}

func (f file) lengthDiffers(stated int64) error {
	if stated <= 0 || f.total <= 0 || stated == f.total {
		return nil
	}
	return fmt.Errorf("the feed says %d bytes, the server %d", stated, f.total)
}

// slow says how sound comes slower than it plays. Of a whole file it is played
// along; of a range there is only how fast that came.
func (l *listening) slow(res *wire.Response, r media.Report) error {
	if l.ear.pace.playing {
		return l.ear.pace.stalls()
	}
	body := last(res.Hop)
	if r.Bitrate <= 0 || body.Name != "body" {
		return nil
	}
	return outruns(r.Bitrate, res.Size, body.Took)
}

// silent says that nothing sounds: nine tenths of the whole are digital
// silence. Seconds of it in a row are what many shows begin and end with. Only
// who asks for whole files is told: one so small that a range holds it all is a
// jingle or a test, and no episode.
func (l *listening) silent(r media.Report) error {
	if !l.Options.Full || r.Seconds < 1 || r.Silent < r.Seconds*9/10 {
		return nil
	}
	return fmt.Errorf("%.1f s of %.1f s are digital silence", r.Silent, r.Seconds)
}

// broken says how the whole file isn't what was promised.
func (e *ear) broken() error {
	if e.sum == nil {
		return nil
	}
	return e.promised.Differs(e.sum.Sum(nil))
}
