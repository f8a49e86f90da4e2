// Package probes holds Sonde's words: what is probed (Target), what a probe
// did (Run, a tree of Steps), why it failed (Code, Failure), what else was
// wrong (Finding) and what that comes to (Verdict).
//
// A probe is a [Func]. It does network operations one at a time and leaves a
// tree of timed steps:
//
//	probe enclosure
//	├─ hop
//	│  ├─ dns  ├─ connect  ├─ tls  ├─ request  └─ body
//	└─ decode
//
// The finished tree is the record. Spans, metrics, verdicts and pictures are
// computed from it by pure functions; nothing is measured twice.
//
// The package imports the standard library only. Each kind of probe is a
// folder below it.
package probes
