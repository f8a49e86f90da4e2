package wire

import (
	"errors"
	"testing"

	"github.com/sonde-media/sonde/probes"
)

// An address that we lacked a socket for is not a bad one.
func TestPardon(t *testing.T) {
	for code, want := range map[probes.Code]string{
		probes.ConnectRefused: "192.0.2.1: connect_refused: no",
		probes.LocalResources: "",
		probes.LocalNetwork:   "",
	} {
		s := probes.NewStep("connect")
		err := probes.Fail(code, errors.New("no"))
		s.Done(&err)
		pardon(s, "a.test", "192.0.2.1")
		told := ""
		for _, f := range s.Findings {
			told += f.Detail
		}
		if told != want {
			t.Errorf("%s: told %q, want %q", code, told, want)
		}
		if s.Attrs[probes.AttrCritical] != false {
			t.Errorf("%s: the step fails the run", code)
		}
	}
}
