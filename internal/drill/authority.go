package drill

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

const (
	day      = 24 * time.Hour
	lifetime = 90 * day // of a host's certificate, as public authorities issue them
)

// An authority issues the world's certificates: a root that clients trust, and
// an intermediate that servers send along. The root has succeeded an old one,
// which signed it too, so that clients which know only that one trust it.
type authority struct {
	root, intermediate *x509.Certificate
	key                *ecdsa.PrivateKey // the intermediate's

	old    *x509.Certificate
	oldKey *ecdsa.PrivateKey
}

func newAuthority(now time.Time) (*authority, error) {
	rootKey, err := newKey()
	if err != nil {
		return nil, err
	}
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	// Long before now, so that certificates that ended long ago chain too.
	root := template("Drill World Root", now.Add(-3650*day), now.Add(3650*day))
	asAuthority(root)
	if root, err = sign(root, root, &rootKey.PublicKey, rootKey); err != nil {
		return nil, err
	}
	middle := template("Drill World Intermediate 1", now.Add(-1825*day), now.Add(1825*day))
	asAuthority(middle)
	middle.MaxPathLenZero = true
	if middle, err = sign(middle, root, &key.PublicKey, rootKey); err != nil {
		return nil, err
	}
	oldKey, err := newKey()
	if err != nil {
		return nil, err
	}
	old := template("Drill World Old Root", now.Add(-7300*day), now.Add(3650*day))
	asAuthority(old)
	if old, err = sign(old, old, &oldKey.PublicKey, oldKey); err != nil {
		return nil, err
	}
	return &authority{root, middle, key, old, oldKey}, nil
}

// cross is the root as the old one signed it, until end.
func (a *authority) cross(end time.Time) (*x509.Certificate, error) {
	c := template(a.root.Subject.CommonName, a.root.NotBefore, end)
	asAuthority(c)
	return sign(c, a.old, a.root.PublicKey.(*ecdsa.PublicKey), a.oldKey)
}

// issue returns a certificate for names with its intermediate. X.509 knows
// whole seconds only.
func (a *authority) issue(names []string, begin, end time.Time) (*tls.Certificate, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	leaf := template(names[0], begin, end)
	leaf.DNSNames = names
	leaf.KeyUsage = x509.KeyUsageDigitalSignature
	leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	if leaf, err = sign(leaf, a.intermediate, &key.PublicKey, a.key); err != nil {
		return nil, err
	}
	return &tls.Certificate{
		Certificate: [][]byte{leaf.Raw, a.intermediate.Raw},
		PrivateKey:  key,
		Leaf:        leaf,
	}, nil
}

func asPEM(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

func newKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return key, nil
}

func template(name string, begin, end time.Time) *x509.Certificate {
	var serial [16]byte
	rand.Read(serial[:])
	serial[0] &= 0x7f // serial numbers are positive
	return &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial[:]),
		Subject:      pkix.Name{CommonName: name, Organization: []string{"Drill World"}},
		NotBefore:    begin.UTC().Truncate(time.Second),
		NotAfter:     end.UTC().Truncate(time.Second),

		BasicConstraintsValid: true,
	}
}

func asAuthority(c *x509.Certificate) {
	c.IsCA = true
	c.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
}

func sign(c, parent *x509.Certificate, key *ecdsa.PublicKey, by *ecdsa.PrivateKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key, by)
	if err != nil {
		return nil, fmt.Errorf("sign the certificate of %s: %w", c.Subject.CommonName, err)
	}
	return x509.ParseCertificate(der)
}
