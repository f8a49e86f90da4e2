package source

import (
	"errors"

	"github.com/sonde-media/sonde/internal/config"
)

// An away is a hub that gave no answer.
type away struct{ error }

func (e away) Unwrap() error { return e.error }

// A Refusal is an answer that is no configuration.
type Refusal struct {
	Status  int
	Message string // what to do, for people
}

func (e *Refusal) Error() string { return e.Message }

// refused reports whether err says that the hub answered and somebody must do
// something, so that asking again soon is of no use.
func refused(err error) bool {
	r, ok := errors.AsType[*Refusal](err)
	return ok && !busy(r.Status)
}

// Passing reports whether err is of a hub that is away or busy, and may be
// there soon.
func Passing(err error) bool {
	_, gone := errors.AsType[away](err)
	r, answered := errors.AsType[*Refusal](err)
	return gone || answered && busy(r.Status)
}

// report logs what is wrong, all of it, and only once until it is something
// else or over.
func (s *Source) report(err error) {
	if key := trouble(err); key != s.trouble {
		s.trouble = key
		s.tell(err)
	}
}

// trouble is what two errors have in common that needn't be told twice. Errors
// of connections have port numbers, which differ each time.
func trouble(err error) string {
	switch _, gone := errors.AsType[away](err); {
	case err == nil:
		return ""
	case gone:
		return "away"
	}
	return err.Error()
}

func (s *Source) tell(err error) {
	meanwhile := "the one before stays"
	if !s.running {
		meanwhile = "nothing is probed until there is one"
	}
	if err == nil {
		s.log.Info("configuration can be had again", "from", s)
		return
	}
	if _, gone := errors.AsType[away](err); gone {
		s.log.Warn("configuration can't be fetched, "+meanwhile, "from", s, "err", err)
		return
	}
	all := each(err)
	s.log.Error("configuration refused, "+meanwhile, "from", s, "errors", len(all))
	for _, e := range all {
		s.log.Error("configuration refused", "err", e)
	}
}

// several is an error that joins others.
type several interface {
	error
	Unwrap() []error
}

// each returns the errors that err joins.
func each(err error) []error {
	if list, ok := errors.AsType[config.Errors](err); ok {
		return list.Unwrap()
	}
	if list, ok := errors.AsType[several](err); ok {
		return list.Unwrap()
	}
	return []error{err}
}
