package drill

import (
	"os"
	"slices"
	"testing"
	"time"
)

// Another interval stretches the outage, and leaves the scenario it is of.
func TestEvery(t *testing.T) {
	s := Scenario{
		Interval: time.Second, Timeout: 5 * time.Second,
		Faults:   []Fault{{At: -2 * time.Second, For: 4 * time.Second, On: 3 * time.Second, Off: time.Second, Delay: 100 * time.Millisecond}},
		Restarts: []Restart{{"eu", 8 * time.Second}},
	}
	slow := s.every(30 * time.Second)
	f := slow.Faults[0]
	got := []time.Duration{slow.Interval, f.At, f.For, f.On, f.Off, f.Delay, slow.Restarts[0].At, slow.Timeout}
	want := []time.Duration{30 * time.Second, -time.Minute, 2 * time.Minute, 90 * time.Second, 30 * time.Second, 3 * time.Second, 4 * time.Minute, 5 * time.Second}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if s.Faults[0].For != 4*time.Second || s.Restarts[0].At != 8*time.Second {
		t.Errorf("the scenario itself changed: %+v", s)
	}
}

func TestFaultInWords(t *testing.T) {
	for want, f := range map[string]Fault{
		"http status at a.example, b.example in eu":                           {Kind: HTTPStatus, Hosts: []string{"a.example", "b.example"}, Regions: []string{"eu"}},
		"dns silent at social.example":                                        {Kind: DNSSilent, Zone: "social.example"},
		"http reset at fastly at edge 2 over IPv6 for 1 % of requests":        {Kind: HTTPReset, CDN: "fastly", Edge: 2, Family: 6, Share: 0.01},
		"http stall, for 3s and then not for 1s in turn":                      {Kind: HTTPStall, On: 3 * time.Second, Off: time.Second},
		"certificate expires at wildcard, for 3s and then not for 1s in turn": {Kind: CertificateExpires, Cert: "wildcard", On: 3 * time.Second, Off: time.Second},
	} {
		if got := f.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Lines are told whole, however they are written, and all is kept.
func TestLogFile(t *testing.T) {
	dir := t.TempDir()
	var lines []string
	l, err := newLog(dir, "hub", func(line string) { lines = append(lines, line) })
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"status ", "page\nag", "ents\n\nend"} {
		if _, err := l.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if want := []string{"status page", "agents", ""}; !slices.Equal(lines, want) {
		t.Errorf("got %q, want %q", lines, want)
	}
	if text, err := os.ReadFile(logPath(dir, "hub")); string(text) != "status page\nagents\n\nend" {
		t.Errorf("kept %q, %v", text, err)
	}
	if got := tail(dir, "hub"); got != "status page\nagents\n\nend" {
		t.Errorf("tail: got %q", got)
	}
}
