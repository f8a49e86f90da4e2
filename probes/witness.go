package probes

import "slices"

// WitnessStep is the step word of what an agent found out about itself.
const WitnessStep = "witness"

// Witness adds w, a finished step named [WitnessStep] in which an agent says
// what it found out about itself when the run had ended, and judges the run
// anew. Where w failed, by a code of ours, the failures that this explains are
// not the target's; where it went well, they are.
func (r *Run) Witness(w *Step) {
	r.Root.Steps = append(r.Root.Steps, w)
	r.Root.Took = max(r.Root.Took, w.Start.Sub(r.Root.Start)+w.Took)
	r.Verdict = Judge(r.Root)
}

// witnessOf returns the failed witness below root, which is its last child, nil
// where there is none. It speaks for the agent and for no host.
func witnessOf(root *Step) *leaf {
	if len(root.Steps) == 0 {
		return nil
	}
	s := root.Steps[len(root.Steps)-1]
	if s.Name != WitnessStep || s.Fail == nil || !s.Fail.Code.Ours() {
		return nil
	}
	return &leaf{step: s}
}

// explained are the codes that failures may have which a fault of ours brought
// about. An answer that came is never among them: it proves that we were able
// to take it.
var explained = map[Code][]Code{
	LocalResources: {DNSTimeout, ConnectTimeout, TLSTimeout, HTTPTimeout, BodyTimeout},
	GuardBudget:    {DNSTimeout, ConnectTimeout, TLSTimeout, HTTPTimeout, BodyTimeout},
	LocalNetwork: {
		DNSTimeout, DNSServer, DNSOther, // a forwarder nearby says SERVFAIL when it is cut off
		ConnectTimeout, ConnectRefused, ConnectUnreachable, ConnectReset, ConnectOther,
		TLSTimeout, HTTPTimeout, BodyTimeout,
	},
}

// Explains reports whether c, a fault of ours, can be why an operation failed
// with other.
func (c Code) Explains(other Code) bool { return slices.Contains(explained[c], other) }
