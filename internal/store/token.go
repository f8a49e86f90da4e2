package store

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// A Role says what who shows a token may do.
type Role string

// The roles.
const (
	RoleAgent  Role = "agent"  // send runs, take the configuration
	RoleViewer Role = "viewer" // ask
	RoleAdmin  Role = "admin"  // all
)

// Roles are all of them, the one that may least first.
var Roles = []Role{RoleAgent, RoleViewer, RoleAdmin}

// A Token is what is known of one: never the secret itself. A secret is 256
// random bits, so its SHA-256 can't be turned back by guessing as that of a
// password could, and needs no slow hash.
type Token struct {
	ID      string // the first 12 digits of its SHA-256
	Role    Role
	Region  string // that an agent's is bound to, or ""
	Created time.Time
	Used    time.Time // the first use of the newest day in which it was; zero: never
	Revoked time.Time // zero: it holds

	sum [sha256.Size]byte
}

// Kinds of records about tokens.
const (
	kindToken   = "token"
	kindRevoked = "revoked"
	kindUsed    = "used"
)

// tokenBody is what a record of the kind token tells.
type tokenBody struct {
	Role   Role   `json:"role"`
	Region string `json:"region,omitempty"`
	SHA256 string `json:"sha256"`
}

// tokenPrefix lets people, and those who search files for secrets, tell what
// it is.
const tokenPrefix = "sonde_"

// maxRegion bounds the name of a region that a token is bound to.
const maxRegion = 200

// CreateToken records a new token and returns it with its secret, which is
// known to nobody else and kept nowhere. Only an agent's can be bound to a
// region; "" binds it to none.
func (r *Records) CreateToken(role Role, region string) (Token, string, error) {
	switch {
	case !slices.Contains(Roles, role):
		return Token{}, "", fmt.Errorf("there is no role %q: a token is an agent's, a viewer's or an admin's", role)
	case region != "" && role != RoleAgent:
		return Token{}, "", fmt.Errorf("a token of the role %s is bound to no region: only agents stand in one", role)
	case len(region) > maxRegion:
		return Token{}, "", fmt.Errorf("the region's name is longer than %d bytes", maxRegion)
	}
	random := make([]byte, 32)
	rand.Read(random) // never fails
	secret := tokenPrefix + base64.RawURLEncoding.EncodeToString(random)
	sum := sha256.Sum256([]byte(secret))
	t := Token{ID: hex.EncodeToString(sum[:6]), Role: role, Region: region}
	body, err := json.Marshal(tokenBody{role, region, hex.EncodeToString(sum[:])})
	if err != nil {
		return t, "", err
	}
	if err := r.add(kindToken, t.ID, string(body)); err != nil {
		return t, "", fmt.Errorf("record the token: %w", err)
	}
	return t, secret, nil
}

// RevokeToken takes a token back. The error wraps fs.ErrNotExist where none
// that holds has the ID.
func (r *Records) RevokeToken(id string) error {
	all, err := r.Tokens()
	if err != nil {
		return err
	}
	for _, t := range all {
		if t.ID != id || !t.Revoked.IsZero() {
			continue
		}
		if err := r.add(kindRevoked, id, ""); err != nil {
			return fmt.Errorf("record that the token is revoked: %w", err)
		}
		return nil
	}
	return fmt.Errorf("no token that holds has the ID %q: %w", id, fs.ErrNotExist)
}

// Tokens returns all tokens, the oldest first, those revoked too.
func (r *Records) Tokens() ([]Token, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.read(); err != nil {
		return nil, fmt.Errorf("read tokens: %w", err)
	}
	all := make([]Token, len(r.tokens))
	for i, t := range r.tokens {
		all[i] = *t
	}
	return all, nil
}

// errNoToken says that nothing holds that was shown.
var errNoToken = fmt.Errorf("no such token: %w", fs.ErrNotExist)

// Token returns the token that secret is of. The error wraps fs.ErrNotExist
// where there is none, or it is revoked: by whatever process, a moment ago.
func (r *Records) Token(secret string) (Token, error) {
	if !strings.HasPrefix(secret, tokenPrefix) {
		return Token{}, errNoToken
	}
	sum := sha256.Sum256([]byte(secret))
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.read(); err != nil {
		return Token{}, fmt.Errorf("read tokens: %w", err)
	}
	var found *Token
	for _, t := range r.tokens { // all of them: time tells nothing
		if subtle.ConstantTimeCompare(sum[:], t.sum[:]) == 1 && t.Revoked.IsZero() {
			found = t
		}
	}
	if found == nil {
		return Token{}, errNoToken
	}
	return *found, nil
}

// UseToken notes that t is used, once a day: who revokes tokens wants to know
// which nobody needs any more.
func (r *Records) UseToken(t Token) error {
	if day := time.Now().UTC().Truncate(24 * time.Hour); !t.Used.Before(day) {
		return nil
	}
	return r.add(kindUsed, t.ID, "")
}

// take makes of a record what it says of tokens. Other kinds, and what can't
// be read, say nothing.
func (r *Records) take(when time.Time, kind, about, body string) {
	if kind == kindToken {
		if t, err := newToken(when, about, body); err == nil {
			r.tokens = append(r.tokens, t)
		}
		return
	}
	for _, t := range r.tokens {
		switch {
		case t.ID != about:
		case kind == kindUsed:
			t.Used = when
		case kind == kindRevoked:
			t.Revoked = when
		}
	}
}

func newToken(when time.Time, about, body string) (*Token, error) {
	var b tokenBody
	if err := json.Unmarshal([]byte(body), &b); err != nil {
		return nil, err
	}
	t := &Token{ID: about, Role: b.Role, Region: b.Region, Created: when}
	sum, err := hex.DecodeString(b.SHA256)
	if err != nil || len(sum) != len(t.sum) {
		return nil, errors.New("no SHA-256")
	}
	copy(t.sum[:], sum)
	return t, nil
}
