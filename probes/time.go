package probes

import (
	"cmp"
	"fmt"
	"net/mail"
	"strconv"
	"strings"
	"time"
)

// zones are names that RFC 5322 §4.3 knows, and some that feeds use besides,
// in seconds east of UTC.
var zones = map[string]string{
	"EST": "-0500", "EDT": "-0400", "CST": "-0600", "CDT": "-0500", "MST": "-0700", "MDT": "-0600", "PST": "-0800", "PDT": "-0700",
	"GMT": "+0000", "UT": "+0000", "UTC": "+0000", "Z": "+0000", "BST": "+0100", "CET": "+0100", "CEST": "+0200", "EET": "+0200", "EEST": "+0300",
	"JST": "+0900", "IST": "+0530", "AEST": "+1000", "AEDT": "+1100",
}

// layouts are those of dates that are no RFC 5322's.
var layouts = []string{
	time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00", "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05-07:00",
	"2006-01-02 15:04:05", "2006-01-02T15:04:05-0700", "2006-01-02", "2006-01", "2006",
	"2 January 2006 15:04:05 -0700", "2 January 2006 15:04:05", "January 2, 2006 15:04:05 -0700", "January 2, 2006", "2 January 2006", "2 Jan 2006",
	"Jan 2, 2006", "Jan 2 2006 15:04:05 -0700", "Jan 2 2006", "2 Jan 2006 15:04:05", "2 Jan 06 15:04:05", "2 Jan 2006 15:04", "1/2/2006", "1/2/2006 15:04:05",
}

// ParseDate reads the dates that feeds and pages have, in all their dialects;
// zero where text is none.
func ParseDate(text string) time.Time {
	fields := strings.Fields(text)
	if len(fields) == 0 || len(fields) > 8 {
		return time.Time{}
	}
	last := &fields[len(fields)-1]
	*last = cmp.Or(zones[strings.ToUpper(*last)], *last)
	text = strings.Join(fields, " ")
	if _, rest, ok := strings.Cut(text, ","); ok && !strings.ContainsAny(fields[0], "0123456789") && strings.HasSuffix(fields[0], ",") {
		text = strings.TrimSpace(rest) // a weekday, which may be misspelt
	}
	if t, err := mail.ParseDate(text); err == nil {
		return t
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t
		}
	}
	return time.Time{}
}

// maxDays bounds an age, for which there is no use beyond.
const maxDays = 10_000

// ParseAge reads a time in hours and the like, or in days; 0 for "".
func ParseAge(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if number, ok := strings.CutSuffix(text, "d"); ok {
		var days float64
		days, err = strconv.ParseFloat(number, 64)
		d = time.Duration(min(days, maxDays+1) * float64(day))
	}
	if err != nil || d <= 0 || d > maxDays*day {
		return 0, fmt.Errorf("want a time such as 36h or 14d, got %q", text)
	}
	return d, nil
}

const day = 24 * time.Hour
