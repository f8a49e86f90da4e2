package hub

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
)

// A token is what clients must show. Only its hash is kept: hashes are of one
// length, which a comparison in constant time needs.
type token struct {
	sum  [sha256.Size]byte
	open bool // nobody is asked
}

func newToken(text string) *token {
	return &token{sum: sha256.Sum256([]byte(text)), open: text == ""}
}

// How a client is asked for the token: programs by a scheme they know,
// browsers by one that makes them ask their user.
const (
	bearer  = `Bearer realm="sonde"`
	browser = `Basic realm="sonde: the token is the password", charset="UTF-8"`
)

// asked lets through to next who shows the token.
func (t *token) asked(challenge string, next http.Handler) http.Handler {
	if t.open {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if t.shown(r) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("WWW-Authenticate", challenge)
		refuse(w, http.StatusUnauthorized, "the hub asks for a token and this one is missing or wrong: "+
			"set SONDE_TOKEN to the hub's, or log in with it as the password")
	})
}

// shown takes the token as a bearer's, or as a password with any name.
func (t *token) shown(r *http.Request) bool {
	text, ok := "", false
	if scheme, rest, found := strings.Cut(r.Header.Get("Authorization"), " "); found && strings.EqualFold(scheme, "Bearer") {
		text, ok = strings.TrimSpace(rest), true
	} else {
		_, text, ok = r.BasicAuth()
	}
	sum := sha256.Sum256([]byte(text))
	return subtle.ConstantTimeCompare(sum[:], t.sum[:]) == 1 && ok
}
