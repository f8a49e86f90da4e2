package config

import (
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"

	"github.com/sonde-media/sonde/internal/wire"
)

// maxRoots is the size of the largest file of roots that is read.
const maxRoots = 16 << 20

// MaxStores is how many further trust stores there may be: each judges every
// chain.
const MaxStores = 8

// A TrustStore names a PEM file with the roots that some clients trust.
type TrustStore struct {
	Name, File string

	at *Error // place of the file, for what is found wrong with it later
}

// stores reads the mapping of names to PEM files.
func (r *reader) stores(n *yaml.Node) (list []TrustStore) {
	for _, e := range r.mapping(n) {
		if err := checkStore(e.key); err != nil {
			r.fail(e.at, "%s: %v", show(e.key), err)
		}
		s := TrustStore{Name: e.key}
		s.File, s.at = r.pemFile(e.value, "roots "+e.key)
		if len(list) == MaxStores {
			r.fail(e.at, "more than %d trust stores", MaxStores)
			break
		}
		list = append(list, s)
	}
	return list
}

// checkStore says what keeps name from standing in "name=verdict".
func checkStore(name string) error {
	switch {
	case name == "" || strings.TrimSpace(name) != name || len(name) > maxWord:
		return fmt.Errorf("want a name of 1 to %d bytes without a space at its ends", maxWord)
	case strings.ContainsFunc(name, func(c rune) bool { return c == '=' || !unicode.IsPrint(c) }):
		return errors.New("the name must be printable and have no =")
	}
	return nil
}

// pemFile reads the path of a PEM file, which is relative to the
// configuration's, and its place for later errors. These show the path unless
// variables are in it.
func (r *reader) pemFile(n *yaml.Node, key string) (string, *Error) {
	path, ok := r.text(n)
	if ok && path == "" {
		r.fail(n, "want the path of a PEM file")
	}
	at := &Error{File: r.file, Line: n.Line, Column: n.Column, Message: key}
	if path != "" && !filepath.IsAbs(path) && !strings.Contains(r.file, "://") {
		path = filepath.Join(filepath.Dir(r.file), path)
	}
	if !secretive(n, 0) {
		at.Message += " " + path
	}
	return path, at
}

// Wire returns what the configuration says of the network. It reads the files
// of roots; what is wrong with them comes as [Errors] at the keys' places.
func (c *Config) Wire() (wire.Options, error) {
	o := wire.Options{
		Resolver: c.Resolver, Sources: c.Sources, AllowPrivate: c.AllowPrivate,
		UserAgent: c.UserAgent, Contact: c.Contact, Limits: c.Limits,
	}
	var errs Errors
	fail := func(at Error, err error) {
		at.Message += ": " + err.Error()
		errs = append(errs, &at)
	}
	if c.CAFile != "" {
		var err error
		if o.Roots, err = Roots(c.CAFile); err != nil {
			fail(*c.caFile, err)
		}
	}
	for _, s := range c.Stores {
		store, err := Store(s.Name, s.File)
		if err != nil {
			fail(*s.at, err)
			continue
		}
		o.Stores = append(o.Stores, store)
	}
	if errs != nil {
		return o, errs
	}
	return o, nil
}

// Store returns the trust store name, which has the roots in the PEM file at
// path and no others.
func Store(name, path string) (wire.Store, error) {
	if err := checkStore(name); err != nil {
		return wire.Store{}, err
	}
	roots := x509.NewCertPool()
	return wire.Store{Name: name, Roots: roots}, addRoots(roots, path)
}

// Roots returns the system's roots and those in the PEM file at path.
func Roots(path string) (*x509.CertPool, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		// A machine without a store of its own trusts the file alone.
		roots = x509.NewCertPool()
	}
	if err := addRoots(roots, path); err != nil {
		return nil, err
	}
	return roots, nil
}

func addRoots(roots *x509.CertPool, path string) error {
	pem, err := readFile(path, maxRoots)
	if err != nil {
		return err
	}
	if !roots.AppendCertsFromPEM(pem) {
		return errors.New("holds no certificate in PEM form")
	}
	return nil
}
