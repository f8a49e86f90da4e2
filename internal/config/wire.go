package config

import (
	"crypto/x509"
	"errors"

	"github.com/sonde-media/sonde/internal/wire"
)

// maxRoots is the size of the largest file of roots that is read.
const maxRoots = 16 << 20

// Wire returns what the configuration says of the network. It reads the file
// of extra roots; what is wrong with that comes as [Errors] at the key's place.
func (c *Config) Wire() (wire.Options, error) {
	o := wire.Options{
		Resolver: c.Resolver, Sources: c.Sources, AllowPrivate: c.AllowPrivate, UserAgent: c.UserAgent,
	}
	if c.CAFile == "" {
		return o, nil
	}
	roots, err := Roots(c.CAFile)
	if err != nil {
		at := *c.caFile
		at.Message += ": " + err.Error()
		return o, Errors{&at}
	}
	o.Roots = roots
	return o, nil
}

// Roots returns the system's roots and those in the PEM file at path.
func Roots(path string) (*x509.CertPool, error) {
	pem, err := readFile(path, maxRoots)
	if err != nil {
		return nil, err
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		// A machine without a store of its own trusts the file alone.
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("holds no certificate in PEM form")
	}
	return roots, nil
}
