package media

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"hash"
	"slices"
	"strings"
)

// An Integrity is what a file must hash to: one of several sums (W3C, Subresource
// Integrity §3; the podcast namespace's integrity of type sri).
type Integrity struct {
	algorithm string
	new       func() hash.Hash
	sums      [][]byte
}

// algorithms of the specification, the strongest first.
var algorithms = []Integrity{
	{algorithm: "sha512", new: sha512.New},
	{algorithm: "sha384", new: sha512.New384},
	{algorithm: "sha256", new: sha256.New},
}

// ParseIntegrity reads what stands in text. Of several algorithms the strongest
// counts alone, of several hashes with it any; what can't be read counts as
// not said. It reports whether anything is left.
func ParseIntegrity(text string) (Integrity, bool) {
	said := map[string][][]byte{}
	for _, one := range strings.Fields(text) {
		one, _, _ = strings.Cut(one, "?") // options, of which there are none
		algorithm, value, _ := strings.Cut(one, "-")
		value = strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(value), "=")
		if sum, err := base64.RawStdEncoding.DecodeString(value); err == nil {
			said[algorithm] = append(said[algorithm], sum)
		}
	}
	for _, a := range algorithms {
		size := a.new().Size()
		a.sums = slices.DeleteFunc(said[a.algorithm], func(sum []byte) bool { return len(sum) != size })
		if len(a.sums) > 0 {
			return a, true
		}
	}
	return Integrity{}, false
}

// New returns a hash of the kind that was promised, for the file to be written
// to.
func (i Integrity) New() hash.Hash { return i.new() }

// Differs says how sum is none of those that were promised, nil where it is one.
func (i Integrity) Differs(sum []byte) error {
	for _, s := range i.sums {
		if bytes.Equal(s, sum) {
			return nil
		}
	}
	text := base64.StdEncoding.EncodeToString
	return fmt.Errorf("promised is %s-%s, the file has %s", i.algorithm, text(i.sums[0]), text(sum))
}
