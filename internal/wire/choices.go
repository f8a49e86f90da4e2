package wire

import (
	"errors"
	"fmt"

	"github.com/sonde-media/sonde/probes"
)

// Choices are the options of a single target that concern the network. Kinds
// embed them in their own options.
type Choices struct {
	Addresses string `json:"addresses"`   // "one", as a client uses; "all": a connect and a tls step for each address of the name
	IP        int    `json:"ip"`          // 4 or 6: addresses of that version alone; 0: both
	X25519    bool   `json:"x25519_only"` // offer X25519 alone for the key exchange, which costs less CPU than browsers' hybrids
}

// Check returns an [*probes.OptionError] for each choice that is none.
func (c Choices) Check() error {
	var errs []error
	if c.Addresses != "" && c.Addresses != "one" && c.Addresses != "all" {
		errs = append(errs, &probes.OptionError{Key: "addresses", Err: fmt.Errorf("want one or all, got %q", c.Addresses)})
	}
	if c.IP != 0 && c.IP != 4 && c.IP != 6 {
		errs = append(errs, &probes.OptionError{Key: "ip", Err: fmt.Errorf("want 4 or 6, got %d", c.IP)})
	}
	return errors.Join(errs...)
}

// For returns a Net that makes the choices c, for targets that have made them.
// Limits, caches and whatever else n shares stay shared.
func (n *Net) For(c Choices) *Net {
	if n == nil { // of a trial that only checks options
		return nil
	}
	if c == n.choice {
		return n
	}
	other := *n
	other.choice = c
	if n.visit != nil { // that run's alone
		return &other
	}
	same, _ := n.others.LoadOrStore(c, &other)
	return same.(*Net)
}
