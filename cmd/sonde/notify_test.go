package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sonde-media/sonde/internal/api"
)

// What was given up is shown, with why.
func TestDeliveryList(t *testing.T) {
	at := night.Add(-25 * time.Hour)
	rows := []api.Delivery{
		{Key: "a", Receiver: "chat", Incident: "1", Event: api.EventOpened, Round: 1, At: at, State: api.DeliveryDue},
		{Key: "a", Receiver: "chat", Incident: "1", Event: api.EventOpened, Round: 1, At: at, State: api.DeliveryGivenUp, Tries: 99, Error: "answered 404 Not Found: no such channel"},
		{Key: "b", Receiver: "pager", Incident: "1", Event: api.EventOpened, Round: 1, At: night, State: api.DeliveryDue, Tries: 1, Error: "send: connection refused"},
		{Key: "c", Receiver: "mail", Incident: "1", Event: api.EventOpened, Round: 1, At: night, State: api.DeliverySent, Tries: 1},
	}
	want := `  WHEN                RECEIVER  INCIDENT  WHAT    STATE     TRIES
  03:41:12 UTC        pager     1         opened  waits     1
  03:41:12 UTC        mail      1         opened  sent      1
  1 Nov 02:41:12 UTC  chat      1         opened  given up  99

Why not sent
  pager: send: connection refused
  chat: answered 404 Not Found: no such channel
`
	if got := deliveryList(treeView{width: 80}, rows, 20, night); got != want {
		t.Errorf("got\n%s", got)
	}
}

// Who is told follows the file; a version that is wrong changes nothing.
func TestRecipientsFollowTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sonde.yaml")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("notify: [{name: a, url: 'https://a.example/'}]\ntargets: []\n")
	r, err := openRecipients(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	told := func() string {
		r.now() // sees that it changed
		r.now() // reads it once it no longer does
		var names []string
		for _, one := range r.now() {
			names = append(names, one.Name)
		}
		return strings.Join(names, " ")
	}
	for _, step := range []struct{ text, want string }{
		{"notify: [{name: a, url: 'https://a.example/'}, {name: b, url: 'https://b.example/'}]\ntargets: []\n", "a b"},
		{"notify: [{name: c}]\ntargets: []\n", "a b"},
		{"notify: [{name: c, url: 'https://c.example/', format: chat, template: '{{.No}}'}]\ntargets: []\n", "a b"},
		{"targets: []\n", ""},
	} {
		if write(step.text); told() != step.want {
			t.Errorf("after %q: got %s, want %s", step.text, told(), step.want)
		}
	}
}
