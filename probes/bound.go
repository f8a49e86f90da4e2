package probes

import (
	"strings"
	"unicode/utf8"
)

// What a record holds. Strangers write feeds, headers and certificates, and a
// run must stay small enough to keep and to send.
const (
	MaxText = 4 << 10 // bytes of one text
	MaxList = 128     // entries of one list
)

const cutMark = "…"

// Bounded returns text as valid UTF-8 of at most MaxText bytes.
func Bounded(text string) string {
	if len(text) <= MaxText && utf8.ValidString(text) { // eight bytes at a time where it is ASCII
		return text
	}
	if len(text) > MaxText {
		text = Clip(text, MaxText-len(cutMark)) + cutMark
	}
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) > MaxText { // replacing a byte makes it longer
		return Bounded(text)
	}
	return text
}

// Clip returns the first n bytes of text at most, no character cut in two.
func Clip(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for end := n; end > max(0, n-utf8.UTFMax); end-- {
		if utf8.RuneStart(text[end]) {
			return text[:end]
		}
	}
	return text[:n]
}

// Own returns v as a step notes it: texts and lists bounded and in memory of
// their own, nil for an empty one.
func Own(v any) any {
	switch v := v.(type) {
	case string:
		if v == "" {
			return nil
		}
		return own(v)
	case []string:
		if len(v) == 0 {
			return nil
		}
		return boundedList(v)
	}
	return v
}

func boundedList(list []string) []string {
	kept := make([]string, min(len(list), MaxList))
	for i := range kept {
		kept[i] = own(list[i])
	}
	return kept
}

// own returns text bounded and, as it may be a piece of something large that
// is kept no longer, in memory of its own.
func own(text string) string { return strings.Clone(Bounded(text)) }
