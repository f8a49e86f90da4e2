package wire

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter bounds how long a stranger may keep us away.
const maxRetryAfter = 24 * time.Hour

// retryAfter is how long a server asks to wait, by RFC 9110 §10.2.3: seconds,
// or a date, which is held against the server's own clock where it tells it.
func retryAfter(h http.Header, now time.Time) (wait time.Duration, ok bool) {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if text == "" {
		return 0, false
	}
	if digits(text) {
		n, err := strconv.Atoi(text)
		if err != nil || n > int(maxRetryAfter/time.Second) { // out of range is long, too
			return maxRetryAfter, true
		}
		return time.Duration(n) * time.Second, true
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0, false
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return min(max(at.Sub(now), 0), maxRetryAfter), true
}

// digits reports whether text is a number without sign.
func digits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}
