package wire

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// Limits say what hosts are asked for at most, so that a prober doesn't weigh
// on what it watches. They are shared by all runs of a Net, and hosts are told
// apart by name. Who must wait for long, or in vain, isn't sent at all: the
// failure is guard_budget, ours and never the target's. Zero fields are the
// defaults.
type Limits struct {
	RunBytes     int64   // of bodies read by one run, as transferred; 0: DefaultRunBytes
	HostDayBytes int64   // the same from one host in 24 hours; 0: no limit
	DayBytes     int64   // the same from all hosts in 24 hours; 0: no limit
	HostParallel int     // connections open at once to one host; 0: DefaultHostParallel
	HostRate     float64 // requests a second to one host; 0: no limit
}

// Defaults of [Limits].
const (
	DefaultRunBytes     = 2 << 30
	DefaultHostParallel = 32
)

// Check says what is wrong with l.
func (l Limits) Check() error {
	if l.RunBytes < 0 || l.HostDayBytes < 0 || l.DayBytes < 0 || l.HostParallel < 0 {
		return errors.New("a limit must not be negative")
	}
	if l.HostRate != 0 && !(l.HostRate >= MinHostRate) {
		return fmt.Errorf("want a rate of %g requests a second or more, got %g", MinHostRate, l.HostRate)
	}
	return nil
}

// MinHostRate is the smallest rate that can be asked for.
const MinHostRate = 0.001

// Visit returns a Net for one run, which has a byte budget of its own. What a
// Net reads that is no visit counts for hosts and days alone.
func (n *Net) Visit() *Net {
	other := *n
	other.visit = &visit{held: map[string]int{}, good: map[string]netip.Addr{}}
	return &other
}

// UserAgent is the agent string that tells servers how to reach the operator
// of this prober: contact is a web page or a mailto: URL.
func UserAgent(contact string) string {
	return "Mozilla/5.0 (compatible; SondeBot/1.0; +" + contact + ")"
}

// CheckContact says why text can't stand in [UserAgent], nil where it can.
func CheckContact(text string) error {
	bad := func(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune(`()<>"\;`, c) }
	u, err := url.Parse(text)
	switch {
	case err != nil || strings.ContainsFunc(text, bad):
	case (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil:
		return nil
	case u.Scheme == "mailto" && strings.Contains(u.Opaque, "@"):
		return nil
	}
	return fmt.Errorf("want a URL such as https://example.org/contact or mailto:ops@example.org, got %q", clip(text))
}
