package probes_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sonde-media/sonde/probes"
)

// parseTree reads a finished tree from text, one step a line, children
// indented by two spaces, after the step's word any of
//
//	!code    it failed
//	~code    it has a finding
//	@host    server.address
//	#fault   sonde.fault
//	?        its failure doesn't fail the run
func parseTree(t *testing.T, text string) *probes.Step {
	t.Helper()
	var path []*probes.Step // the open steps, root first
	for line := range strings.Lines(strings.Trim(text, "\n")) {
		words := strings.Fields(line)
		depth := (len(line) - len(strings.TrimLeft(line, " "))) / 2
		s := probes.NewStep(words[0])
		switch {
		case depth > len(path):
			t.Fatalf("%q is indented too deep", line)
		case depth > 0:
			s = path[depth-1].Begin(words[0])
		}
		path = append(path[:depth], s)
		describe(t, s, words[1:])
	}
	return path[0]
}

func describe(t *testing.T, s *probes.Step, words []string) {
	t.Helper()
	var err error
	for _, w := range words {
		switch rest := w[1:]; w[0] {
		case '!':
			err = probes.Fail(probes.Code(rest), errors.New("detail of "+rest))
		case '~':
			s.Find(probes.Note(probes.Code(rest), s.Text(probes.AttrServerAddress), ""))
		case '@':
			s.Set(probes.AttrServerAddress, rest)
		case '#':
			s.Set(probes.AttrFault, rest)
		case '?':
			s.Optional()
		default:
			t.Fatalf("don't know %q", w)
		}
	}
	s.Done(&err)
}
