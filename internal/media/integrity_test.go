package media

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"testing"
)

func TestIntegrity(t *testing.T) {
	file := []byte("sound")
	text := base64.StdEncoding.EncodeToString
	weak, strong := sha256.Sum256(file), sha512.Sum384(file)
	good256, good384 := "sha256-"+text(weak[:]), "sha384-"+text(strong[:])
	bad256, bad384 := "sha256-"+text(make([]byte, 32)), "sha384-"+text(make([]byte, 48))
	for _, c := range []struct {
		name, text   string
		valid, holds bool
	}{
		{"one", good256, true, true},
		{"one of another file", bad256, true, false},
		{"several of one strength", bad384 + " " + good384, true, true},
		{"the strongest counts", good256 + "\n" + bad384, true, false},
		{"a weaker one may be wrong", bad256 + "\t" + good384, true, true},
		{"options", good384 + "?ct=audio/mpeg", true, true},
		{"base64 of URLs, without padding", "sha256-" + base64.RawURLEncoding.EncodeToString(weak[:]), true, true},
		{"an unknown algorithm is not said", "md5-AAAA " + good256, true, true},
		{"nothing that can be read", "md5-AAAA sha256-%%% sha384-AAAA sha512 -", false, false},
		{"nothing", "", false, false},
	} {
		i, valid := ParseIntegrity(c.text)
		if valid != c.valid {
			t.Errorf("%s: valid is %v", c.name, valid)
		}
		if !valid {
			continue
		}
		h := i.New()
		h.Write(file)
		if err := i.Differs(h.Sum(nil)); (err == nil) != c.holds {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
}

func FuzzIntegrity(f *testing.F) {
	f.Add("sha256-AAAA sha384-?x sha512")
	f.Fuzz(func(t *testing.T, text string) {
		if i, ok := ParseIntegrity(text); ok && len(i.sums[0]) != i.New().Size() {
			t.Errorf("%q: got a sum of %d bytes", text, len(i.sums[0]))
		}
	})
}
