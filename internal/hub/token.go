package hub

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"

	"github.com/sonde-media/sonde/internal/store"
)

// A Role says what who shows a token may do.
type Role = store.Role

// The roles, as records have them.
const (
	RoleAgent  = store.RoleAgent
	RoleViewer = store.RoleViewer
	RoleAdmin  = store.RoleAdmin
)

// A gate asks who comes in.
type gate struct {
	sum     [sha256.Size]byte // of the admin's token; hashes are of one length, which a comparison in constant time needs
	admin   bool              // there is such a token
	open    bool              // who shows nothing may do all
	records *store.Records    // of other tokens; may be nil
	warn    func(what string, err error)
}

func newGate(o Options, warn func(string, error)) *gate {
	return &gate{
		sum: sha256.Sum256([]byte(o.Token)), admin: o.Token != "", open: o.Token == "" && !o.Guarded,
		records: o.Records, warn: warn,
	}
}

// How a client is asked for a token: programs by a scheme they know, browsers
// by one that makes them ask their user.
const (
	bearer  = `Bearer realm="sonde"`
	browser = `Basic realm="sonde: the token is the password", charset="UTF-8"`
)

// errUnknown says that a token is missing or none of ours.
var errUnknown = errors.New("the hub asks for a token and this one is missing, wrong or revoked: " +
	"set SONDE_TOKEN to one that the hub knows (sonde hub token create issues them), or log in with it as the password")

var errNoTokens = errors.New("the hub can't read its tokens now; its log says why")

// asked lets through to next who may do what one of roles may. Admins may do
// all.
func (g *gate) asked(challenge string, next http.Handler, roles ...Role) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, err := g.admit(r, roles)
		refused, forbidden := errors.AsType[refusal](err)
		switch {
		case errors.Is(err, errUnknown):
			w.Header().Set("WWW-Authenticate", challenge)
			refuse(w, http.StatusUnauthorized, err.Error())
		case forbidden:
			refuse(w, refused.status, err.Error())
		case err != nil:
			w.Header().Set("Retry-After", "5")
			refuse(w, http.StatusServiceUnavailable, err.Error())
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// admit returns r as that of the one who sent it, errUnknown where nobody
// knows who that is, and a refusal where that one may not do what roles may.
func (g *gate) admit(r *http.Request, roles []Role) (*http.Request, error) {
	t, err := g.who(r)
	switch {
	case errors.Is(err, errUnknown):
		return nil, err
	case err != nil:
		g.warn("tokens not read", err)
		return nil, errNoTokens
	case t.Role != RoleAdmin && !slices.Contains(roles, t.Role):
		return nil, refusal{http.StatusForbidden, fmt.Errorf("this token is of the role %s, and this needs %s", t.Role, either(roles))}
	}
	return r.WithContext(context.WithValue(r.Context(), tokenKey{}, t)), nil
}

// either names roles as an alternative, that of admins last.
func either(roles []Role) string {
	says := ""
	for _, r := range roles {
		says += string(r) + " or "
	}
	return says + string(RoleAdmin)
}

// who finds out whose token r shows. Where nobody is asked, who shows none is
// an admin; who shows one is bound by it nonetheless.
func (g *gate) who(r *http.Request) (store.Token, error) {
	admin := store.Token{Role: RoleAdmin}
	secret, scheme := shownToken(r)
	if scheme == "" && g.open {
		return admin, nil
	}
	sum := sha256.Sum256([]byte(secret))
	if subtle.ConstantTimeCompare(sum[:], g.sum[:]) == 1 && g.admin {
		return admin, nil
	}
	t, err := g.recorded(secret)
	if scheme == "Basic" && g.open && errors.Is(err, errUnknown) {
		return admin, nil // a password for a proxy before us, which passed it on
	}
	return t, err
}

func (g *gate) recorded(secret string) (store.Token, error) {
	if g.records == nil {
		return store.Token{}, errUnknown
	}
	t, err := g.records.Token(secret)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return t, errUnknown
	case err != nil:
		return t, err
	}
	if err := g.records.UseToken(t); err != nil {
		g.warn("use of a token not noted", err)
	}
	return t, nil
}

// shownToken takes a token as a bearer's, or as a password with any name.
// Without an Authorization header the scheme is "".
func shownToken(r *http.Request) (secret, scheme string) {
	scheme, rest, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(rest), scheme
	}
	if _, secret, ok := r.BasicAuth(); ok {
		return secret, "Basic"
	}
	return "", scheme
}

type tokenKey struct{}

// bound is the region to which the token of a request is bound, or "".
func bound(r *http.Request) string {
	t, _ := r.Context().Value(tokenKey{}).(store.Token)
	return t.Region
}
