package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"
)

// told is what a tool reads out of a file that was printed for it.
type told struct {
	Args  []string
	Token string
}

// platforms are all, each with how its tool reads what was printed.
var platforms = []struct {
	platform
	read func(testing.TB, string, deployment) told
}{
	{docker, readCompose},
	{systemd, readUnit},
	{kubernetes, readManifests},
}

func deploymentOf(region, hub, token string) deployment {
	return deployment{
		Name: agentName(region), Region: region, Hub: hub, Token: token,
		Image: "registry.example.org/sonde:v1", Binary: "/usr/local/bin/sonde", Namespace: "probing",
	}
}

// What is in values must stay in them, whatever the tools do with such texts.
var awkward = []deployment{
	deploymentOf("eu-west", "https://hub.example.org", "5f0c"),
	deploymentOf("eu-west", "http://127.0.0.1:4318", ""),
	deploymentOf(`São "Paulo" 'x'`, "https://hub.example.org/sonde", `a"b'c`),
	deploymentOf(`$HOME ${HOME} $(HOME) $$ 100%`, "https://hub.example.org/%25", `$HOME ${x} $(x) $$ %n %% `+"`id`"),
	deploymentOf(`\`, "https://[2001:db8::1]:4318", `\n\\"\$`),
	deploymentOf("- {a: b} # [x] & *y !z | > @", "https://hub.example.org/a'b", "#: {{.Region}}"),
	deploymentOf("東京 🎧", "https://hub.example.org", "~null"),
	deploymentOf("--region", "https://hub.example.org", "-"),
	deploymentOf("true", "https://hub.example.org", "0123"),
}

func TestDeployedFilesTellWhatWasGiven(t *testing.T) {
	for _, d := range awkward {
		t.Run(d.Region, func(t *testing.T) { readsBack(t, d) })
	}
}

func FuzzDeploy(f *testing.F) {
	for _, d := range awkward {
		f.Add(d.Region, d.Hub, d.Token)
	}
	f.Add("a\nb", "https://hub.example.org", "a\nExecStart=/bin/sh")
	f.Add("a\u2028b", "https://u:p@h/?q#f", "a\u202eb")
	f.Fuzz(func(t *testing.T, region, hub, token string) {
		d := deploymentOf(region, strings.TrimRight(hub, "/"), token)
		if d.check() != nil || d.checkToken() != nil {
			t.Skip()
		}
		readsBack(t, d)
	})
}

// readsBack fails where a tool reads something else than d says.
func readsBack(t *testing.T, d deployment) {
	if err := errors.Join(d.check(), d.checkToken()); err != nil {
		t.Fatal(err)
	}
	for _, p := range platforms {
		text, err := p.render(d)
		if err != nil {
			t.Fatalf("%s: %v", p.name, err)
		}
		got := p.read(t, text, d)
		if diff := cmp.Diff(told{p.args(d), d.Token}, got); diff != "" {
			t.Errorf("%s (-given +read):\n%s\n%s", p.name, diff, text)
		}
	}
}

// readCompose reads as docker compose does, with variables set that must not
// get in.
func readCompose(t testing.TB, text string, d deployment) told {
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  t.TempDir(),
		ConfigFiles: []types.ConfigFile{{Filename: "compose.yaml", Content: []byte(text)}},
		Environment: types.Mapping{"HOME": "/wrong", "x": "wrong"},
	})
	if err != nil {
		t.Fatalf("compose: %v\n%s", err, text)
	}
	agent := project.Services["agent"]
	if project.Name != d.Name || agent.Image != d.Image || len(project.Services) != 1 {
		t.Errorf("compose: got %d services, %q, %q", len(project.Services), project.Name, agent.Image)
	}
	if !agent.ReadOnly || !slices.Equal(agent.CapDrop, []string{"ALL"}) || agent.MemLimit != 512<<20 || agent.HealthCheck == nil {
		t.Errorf("compose: not as hard as was meant: %+v", agent)
	}
	if len(agent.Volumes) != 1 || agent.Volumes[0].Type != types.VolumeTypeVolume || agent.Volumes[0].Target != "/data" {
		t.Errorf("compose: got volumes %+v", agent.Volumes)
	}
	var token string
	if v := agent.Environment["SONDE_TOKEN"]; v != nil {
		token = *v
	}
	return told{agent.Command, token}
}

// readManifests reads as kubectl does with --validate=strict: a field that
// Kubernetes doesn't know, or that is there twice, is an error.
func readManifests(t testing.TB, text string, d deployment) told {
	var secret corev1.Secret
	var service corev1.Service
	var set appsv1.StatefulSet
	kinds := map[string]any{"Secret": &secret, "Service": &service, "StatefulSet": &set}
	for _, doc := range strings.Split(text, "\n---\n")[1:] {
		var head struct{ Kind string }
		if err := yaml.Unmarshal([]byte(doc), &head); err != nil || kinds[head.Kind] == nil {
			t.Fatalf("kubernetes: kind %q, %v\n%s", head.Kind, err, doc)
		}
		if err := yaml.UnmarshalStrict([]byte(doc), kinds[head.Kind]); err != nil {
			t.Fatalf("kubernetes: %v\n%s", err, doc)
		}
	}
	checkSet(t, &set, &service, d)
	agent := set.Spec.Template.Spec.Containers[0]
	if (d.Token != "") != (len(agent.Env) == 1 && agent.Env[0].ValueFrom.SecretKeyRef.Name == secret.Name) {
		t.Errorf("kubernetes: got variables %+v and secret %q", agent.Env, secret.Name)
	}
	var args []string
	for _, arg := range agent.Args {
		if strings.Contains(strings.ReplaceAll(arg, "$$", ""), "$") {
			t.Errorf("kubernetes: a variable in %q", arg)
		}
		args = append(args, strings.ReplaceAll(arg, "$$", "$"))
	}
	return told{args, secret.StringData["token"]}
}

// checkSet holds the parts of the manifests against each other: what one names
// must be what the other is called.
func checkSet(t testing.TB, set *appsv1.StatefulSet, service *corev1.Service, d deployment) {
	pod := set.Spec.Template
	for _, name := range []string{set.Name, service.Name, set.Spec.ServiceName, pod.Labels["app.kubernetes.io/instance"]} {
		if name != d.Name || len(validation.IsDNS1123Label(name)) > 0 || set.Namespace != d.Namespace {
			t.Errorf("kubernetes: got name %q in %q, want %q in %q", name, set.Namespace, d.Name, d.Namespace)
		}
	}
	if !cmp.Equal(set.Spec.Selector.MatchLabels, service.Spec.Selector) || pod.Labels["app.kubernetes.io/instance"] != service.Spec.Selector["app.kubernetes.io/instance"] {
		t.Errorf("kubernetes: set and service choose %v and %v", set.Spec.Selector.MatchLabels, service.Spec.Selector)
	}
	agent := pod.Spec.Containers[0]
	if agent.Image != d.Image || agent.LivenessProbe.HTTPGet.Port.StrVal != agent.Ports[0].Name || agent.VolumeMounts[0].Name != set.Spec.VolumeClaimTemplates[0].Name {
		t.Errorf("kubernetes: got container %+v", agent)
	}
}

// readUnit reads as systemd.service(5), systemd.unit(5) and systemd.exec(5)
// say, for what such a unit has.
func readUnit(t testing.TB, text string, d deployment) (got told) {
	var start []string
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasSuffix(line, `\`) {
			t.Errorf("systemd: a line that is continued: %s", line)
		}
		if value, ok := strings.CutPrefix(line, "ExecStart="); ok {
			start = append(start, value)
		}
		if value, ok := strings.CutPrefix(line, "Description="); ok && strings.Contains(strings.ReplaceAll(value, "%%", ""), "%") {
			t.Errorf("systemd: a specifier in %s", value)
		}
		if value, ok := strings.CutPrefix(line, "# SONDE_TOKEN="); ok {
			got.Token = unescaped(t, value)
		}
	}
	if len(start) != 1 {
		t.Fatalf("systemd: got ExecStart %q", start)
	}
	words, ok := strings.CutPrefix(start[0], d.Binary+" ")
	for ok && words != "" {
		quoted, err := strconv.QuotedPrefix(words)
		if err != nil {
			t.Fatalf("systemd: %s: %v", words, err)
		}
		word, _ := strconv.Unquote(quoted)
		if strings.ContainsAny(strings.NewReplacer("$$", "", "%%", "").Replace(word), "$%") {
			t.Errorf("systemd: a variable or specifier in %q", word)
		}
		got.Args = append(got.Args, strings.NewReplacer("$$", "$", "%%", "%").Replace(word))
		words = strings.TrimPrefix(words[len(quoted):], " ")
	}
	return got
}

// unescaped reads a quoted value of a file of variables: what shells do with
// double quotes.
func unescaped(t testing.TB, value string) string {
	inner, ok := strings.CutPrefix(value, `"`)
	inner, end := strings.CutSuffix(inner, `"`)
	if !ok || !end {
		t.Fatalf("systemd: not quoted: %s", value)
	}
	var b strings.Builder
	for i := 0; i < len(inner); i++ {
		switch {
		case inner[i] == '\\' && i+1 < len(inner) && strings.IndexByte("\"\\`$", inner[i+1]) >= 0:
			i++
		case strings.IndexByte("\"`$", inner[i]) >= 0:
			t.Fatalf("systemd: %q stands free in %s", inner[i], value)
		}
		b.WriteByte(inner[i])
	}
	return b.String()
}

// The command that a file runs must be one of this binary's.
func TestDeployedCommandIsKnown(t *testing.T) {
	for _, p := range platforms {
		args := p.args(deploymentOf("eu-west", "https://hub.example.org", "x"))
		c, rest, err := rootCommand().Find(args)
		if err != nil || c.CommandPath() != "sonde agent" {
			t.Fatalf("%s: %v is %q, %v", p.name, args, c.CommandPath(), err)
		}
		if err := c.ParseFlags(rest); err != nil || c.Flags().NArg() > 0 {
			t.Errorf("%s: %v: %v, left %v", p.name, rest, err, c.Flags().Args())
		}
		if got := c.Flag("config").Value.String(); got != "https://hub.example.org/api/v1/config" {
			t.Errorf("%s: --config %s", p.name, got)
		}
	}
}

// exposure is how much of 10 systemd sees exposed, where 0.0 is a unit that
// can do nothing. What is left here is the network and the agent's own state.
const exposure = "15" // in tenths

func TestUnitIsVerified(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not here (Debian package systemd)")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range awkward {
		d.Binary = self // it must be there
		text, err := systemd.render(d)
		if err != nil {
			t.Fatal(err)
		}
		unit := filepath.Join(t.TempDir(), d.Name+".service")
		if err := os.WriteFile(unit, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", unit).CombinedOutput()
		if complaints := about(out, d.Name); err != nil || complaints != "" {
			t.Errorf("verify: %v\n%s", err, complaints)
		}
		out, err = exec.CommandContext(t.Context(), analyze, "security", "--offline=true", "--threshold="+exposure, unit).CombinedOutput()
		if err != nil {
			t.Errorf("security: %v\n%s", err, out)
		}
	}
}

// about leaves what verify says of a unit: it tells of others on the machine.
func about(out []byte, name string) string {
	var b strings.Builder
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, name) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// The lines that a unit begins with put the token where root alone reads it,
// and leave it out of the unit.
func TestUnitInstalls(t *testing.T) {
	for _, d := range awkward {
		dir, root := t.TempDir(), t.TempDir()
		text, err := systemd.render(d)
		if err != nil {
			t.Fatal(err)
		}
		unit := d.Name + ".service"
		if err := os.WriteFile(filepath.Join(dir, unit), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		install := exec.CommandContext(t.Context(), "sh", "-c", "sed -n 's/^#> //p' "+unit+" | sh")
		install.Dir, install.Env = dir, append(os.Environ(), "DESTDIR="+root)
		if out, err := install.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if d.Token != "" {
			env, mode := readFile(t, filepath.Join(root, "etc/sonde", d.Name+".env"))
			if mode != 0o600 {
				t.Errorf("the token's file has mode %v", mode)
			}
			value, _ := strings.CutPrefix(strings.TrimSuffix(env, "\n"), "SONDE_TOKEN=")
			if got := unescaped(t, value); got != d.Token {
				t.Errorf("got token %q, want %q", got, d.Token)
			}
		}
		placed, mode := readFile(t, filepath.Join(root, "etc/systemd/system", unit))
		if mode != 0o644 || strings.Contains(placed, "SONDE_TOKEN=\"") || !strings.Contains(placed, "ExecStart=") {
			t.Errorf("mode %v of unit\n%s", mode, placed)
		}
	}
}

func readFile(t *testing.T, name string) (string, os.FileMode) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), info.Mode().Perm()
}

func TestAgentNames(t *testing.T) {
	long := strings.Repeat("x", 99)
	seen := map[string]string{}
	for _, region := range []string{"eu-west", "EU-West", "eu west", "eu.west", "東京", "大阪", "", "-", long, long + "y", "a-"} {
		name := agentName(region)
		if !dnsLabel.MatchString(name) || len(name) > maxName {
			t.Errorf("%q: got %q", region, name)
		}
		if other, ok := seen[name]; ok {
			t.Errorf("%q and %q are both %s", region, other, name)
		}
		seen[name] = region
	}
	if got := agentName("eu-west"); got != "sonde-agent-eu-west" {
		t.Errorf("got %s", got)
	}
}

func TestDeployRefuses(t *testing.T) {
	for name, d := range map[string]deployment{
		"no region":          deploymentOf("", "https://h", "t"),
		"a line of a region": deploymentOf("a\nb", "https://h", "t"),
		"a turned region":    deploymentOf("a\u202eb", "https://h", "t"),
		"a long region":      deploymentOf(strings.Repeat("x", 101), "https://h", "t"),
		"no URL":             deploymentOf("r", "hub.example.org", "t"),
		"no host":            deploymentOf("r", "https://", "t"),
		"a password":         deploymentOf("r", "https://u:hunter2@h", "t"),
		"a query":            deploymentOf("r", "https://h/?a=b", "t"),
		"another scheme":     deploymentOf("r", "ftp://h", "t"),
		"no token":           deploymentOf("r", "https://h", ""),
		"a line of a token":  deploymentOf("r", "https://h", "a\nb"),
		"a blank at the end": deploymentOf("r", "https://h", "a "),
		"a long token":       deploymentOf("r", "https://h", strings.Repeat("x", 4097)),
		"a name":             {Region: "r", Hub: "https://h", Token: "t", Name: "A_b"},
		"an image":           {Region: "r", Hub: "https://h", Token: "t", Name: "a", Image: "a b"},
		"a binary":           {Region: "r", Hub: "https://h", Token: "t", Name: "a", Binary: "sonde"},
		"a namespace":        {Region: "r", Hub: "https://h", Token: "t", Name: "a", Namespace: "-"},
	} {
		err := errors.Join(d.check(), d.checkToken())
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestDefaultImage(t *testing.T) {
	defer func(v string) { version = v }(version)
	for given, want := range map[string]string{"v1.2": "sonde:v1.2", "v0.0.0-2026+dirty": "sonde:v0.0.0-2026-dirty", "(devel)": "sonde:devel"} {
		if version = given; defaultImage() != want {
			t.Errorf("got %s, want %s", defaultImage(), want)
		}
	}
}
