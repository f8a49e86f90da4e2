package probes

import (
	"context"
	"errors"
)

// A Failure is why a step failed: one code and what was seen. It is data about
// a target, stored and never logged as an error.
type Failure struct {
	Code   Code
	Detail string
	err    error
}

func (f *Failure) Error() string { return string(f.Code) + ": " + f.Detail }
func (f *Failure) Unwrap() error { return f.err }

// Fail returns a failure with code whose detail is err's text. It panics where
// code isn't in the list, which is a programmer's mistake.
func Fail(code Code, err error) error {
	mustKnow(code)
	detail := ""
	if err != nil {
		detail = err.Error()
	}
	return &Failure{Code: code, Detail: Bounded(detail), err: err}
}

// AsFailure returns the failure in err. A canceled context is "canceled"; any
// other error that isn't a failure is a fault of ours: "internal".
func AsFailure(err error) *Failure {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f
	}
	code := Internal
	if errors.Is(err, context.Canceled) {
		code = Canceled
	}
	return &Failure{Code: code, Detail: Bounded(err.Error()), err: err}
}

// A Finding is something wrong that doesn't stop the listener now.
type Finding struct {
	Code     Code     `json:"code"`
	Severity Severity `json:"severity"`
	Host     string   `json:"host"`
	Detail   string   `json:"detail"`
}

// Warns reports whether the finding makes a run degraded.
func (f Finding) Warns() bool { return f.Severity == Warning }

// Note returns a finding with the severity that code has by itself; a code
// that would fail a run is a warning as a finding.
func Note(code Code, host, detail string) Finding {
	sev := code.Severity()
	if sev == "" {
		sev = Warning
	}
	return Finding{Code: code, Severity: sev, Host: host, Detail: detail}
}
