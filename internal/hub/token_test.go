package hub

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/store"
)

// records opens the records in dir, as the command line does beside a hub.
func records(t testing.TB, dir string) *store.Records {
	t.Helper()
	r, err := store.OpenRecords(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func issue(t testing.TB, r *store.Records, role Role, region string) (secret, id string) {
	t.Helper()
	tok, secret, err := r.CreateToken(role, region)
	if err != nil {
		t.Fatal(err)
	}
	return secret, tok.ID
}

// routes and which roles besides admins may use them.
var guarded = []struct {
	method, path string
	roles        []Role
}{
	{"POST", "/v1/traces", []Role{RoleAgent}},
	{"POST", "/v1/metrics", []Role{RoleAgent}},
	{"GET", "/api/v1/matrix", []Role{RoleViewer}},
	{"GET", "/api/v1/agents", []Role{RoleViewer}},
	{"GET", "/", []Role{RoleViewer}},
	{"GET", "/runs", []Role{RoleViewer}},
	{"GET", "/metrics", []Role{RoleViewer}},
	{"GET", "/api/v1/config", []Role{RoleAgent}},
	{"GET", "/nowhere", []Role{RoleViewer}},
}

func (h *testHub) do(t testing.TB, method, path, token string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequest(method, h.URL+path, bytes.NewReader(protoBody(t, export(1))))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", string(protobufs))
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := h.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var body bytes.Buffer
	body.ReadFrom(resp.Body)
	return resp.StatusCode, resp.Header, body.String()
}

func TestRoles(t *testing.T) {
	kept := records(t, t.TempDir())
	h := startHub(t, Options{Guarded: true, Records: kept}, store.Options{})
	secrets := map[Role]string{}
	for _, role := range store.Roles {
		secrets[role], _ = issue(t, kept, role, "")
	}
	for _, g := range guarded {
		allowed := map[Role]bool{RoleAdmin: true}
		for _, r := range g.roles {
			allowed[r] = true
		}
		for role, secret := range secrets {
			status, _, body := h.do(t, g.method, g.path, secret)
			if refused := status == http.StatusForbidden; refused == allowed[role] {
				t.Errorf("%s %s as %s: got %d", g.method, g.path, role, status)
			} else if refused && !strings.Contains(body, "role "+string(role)+", and this needs "+string(g.roles[0])+" or ") {
				t.Errorf("%s %s as %s: got %s", g.method, g.path, role, body)
			}
		}
		if status, head, _ := h.do(t, g.method, g.path, ""); status != http.StatusUnauthorized || head.Get("WWW-Authenticate") == "" {
			t.Errorf("%s %s without a token: got %d", g.method, g.path, status)
		}
	}
}

func TestTokenOfARegion(t *testing.T) {
	kept := records(t, t.TempDir())
	for _, guarded := range []bool{true, false} { // on loopback nobody is asked, and a token binds nonetheless
		h := startHub(t, Options{Guarded: guarded, Records: kept}, store.Options{})
		eu, _ := issue(t, kept, RoleAgent, "eu")
		us, _ := issue(t, kept, RoleAgent, "us")
		h.mustPost(t, protoBody(t, export(1)), "Authorization", "Bearer "+eu)
		got, _, body := h.post(t, protoBody(t, export(2)), "Authorization", "Bearer "+us)
		var says status.Status
		if err := proto.Unmarshal(body, &says); err != nil || got != http.StatusForbidden || says.Code != int32(code.Code_PERMISSION_DENIED) ||
			!strings.Contains(says.Message, `bound to the region "us"`) || !strings.Contains(says.Message, `of the region "eu"`) {
			t.Errorf("guarded %v: got %d %v %v", guarded, got, &says, err)
		}
		admin, _ := issue(t, kept, RoleAdmin, "")
		if runs, err := h.client(t, admin).Runs(t.Context(), api.Query{}); err != nil || runs.Total != 1 {
			t.Errorf("guarded %v: got %d runs and %v, want the one of eu", guarded, runs.Total, err)
		}
	}
}

// The hub runs while the command line issues and revokes.
func TestTokensIssuedAndRevokedMeanwhile(t *testing.T) {
	dir := t.TempDir()
	h := startHub(t, Options{Token: "admins", Records: records(t, dir)}, store.Options{})
	cli := records(t, dir)
	secret, id := issue(t, cli, RoleViewer, "")
	if got, _, body := h.do(t, "GET", "/api/v1/runs", secret); got != 200 {
		t.Errorf("issued: got %d %s", got, body)
	}
	if err := cli.RevokeToken(id); err != nil {
		t.Fatal(err)
	}
	got, _, body := h.do(t, "GET", "/api/v1/runs", secret)
	var e api.Error
	if err := json.Unmarshal([]byte(body), &e); err != nil || got != 401 || !strings.Contains(e.Error, "revoked") {
		t.Errorf("revoked: got %d %s", got, body)
	}
	if got, _, _ := h.do(t, "GET", "/api/v1/runs", "admins"); got != 200 {
		t.Errorf("SONDE_TOKEN of the hub: got %d", got)
	}
}

// Where nobody is asked, a wrong token is refused all the same: its owner
// believes that it works. A password may be meant for a proxy before the hub.
func TestWrongTokenOnAnOpenHub(t *testing.T) {
	h := startHub(t, Options{Records: records(t, t.TempDir())}, store.Options{})
	for auth, want := range map[string]int{
		"": 200, "Bearer wrong": 401, "Bearer ": 401, "Negotiate x": 401, "Bearer": 401, "Basic OnNlY3JldA==": 200,
	} {
		if got, _, _ := h.get(t, "/api/v1/matrix", "Authorization", auth); got != want {
			t.Errorf("%q: got %d, want %d", auth, got, want)
		}
	}
}

func TestUnreadableTokens(t *testing.T) {
	kept := records(t, t.TempDir())
	secret, _ := issue(t, kept, RoleAgent, "")
	h := startHub(t, Options{Records: kept}, store.Options{})
	kept.Close()
	if got, head, _ := h.do(t, "POST", "/v1/traces", secret); got != 503 || head.Get("Retry-After") == "" {
		t.Errorf("got %d, want 503: runs must not be lost for it", got)
	}
}
