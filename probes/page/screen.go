package page

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sonde-media/sonde/probes"
)

// A screen is what the reader stands in for: its size in pixels of CSS, and
// how many of its own lie on the side of one of these.
type screen struct {
	Width   int     `json:"width"`
	Height  int     `json:"height"`
	Density float64 `json:"density"`

	unread error // why it couldn't be decoded
}

// What a screen may be.
const (
	maxSide      = 16384 // pixels
	leastDensity = 0.5
	mostDensity  = 8.0
)

const emPixels = 16

// UnmarshalJSON keeps what is wrong for the check of the options, which says
// where. What isn't told stays as it is.
func (v *screen) UnmarshalJSON(text []byte) error {
	type plain screen
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode((*plain)(v)); err != nil {
		v.unread = fmt.Errorf("want a mapping of width and height to whole numbers and density to a number, got %s", text)
	}
	return nil
}

func (v screen) check() error {
	if v.unread != nil {
		return &probes.OptionError{Key: "viewport", Err: v.unread}
	}
	return errors.Join(
		between("viewport.width", int64(v.Width), 1, maxSide),
		between("viewport.height", int64(v.Height), 1, maxSide),
		v.checkDensity(),
	)
}

func (v screen) checkDensity() error {
	if v.Density >= leastDensity && v.Density <= mostDensity {
		return nil
	}
	return &probes.OptionError{Key: "viewport.density", Err: fmt.Errorf("want %v to %v, got %v", leastDensity, mostDensity, v.Density)}
}

// feature is what a media feature that is a number comes to.
func (v screen) feature(name string) (have float64, ok bool) {
	switch name {
	case "width", "device-width":
		return float64(v.Width), true
	case "height", "device-height":
		return float64(v.Height), true
	case "aspect-ratio", "device-aspect-ratio":
		return float64(v.Width) / float64(v.Height), true
	case "resolution", "device-pixel-ratio":
		return v.Density, true
	}
	have, ok = screenNumbers[name]
	return have, ok
}

// word is what a media feature that is a word comes to.
func (v screen) word(name string) (have string, ok bool) {
	if name == "orientation" {
		if v.Height >= v.Width {
			return "portrait", true
		}
		return "landscape", true
	}
	have, ok = screenWords[name]
	return have, ok
}

// unit is a unit of length in pixels, or of resolution in dppx.
func (v screen) unit(name string) (size float64, ok bool) {
	w, h := float64(v.Width)/100, float64(v.Height)/100
	switch name {
	case "vw", "svw", "lvw", "dvw", "vi":
		return w, true
	case "vh", "svh", "lvh", "dvh", "vb":
		return h, true
	case "vmin":
		return min(w, h), true
	case "vmax":
		return max(w, h), true
	}
	size, ok = units[name]
	return size, ok
}
