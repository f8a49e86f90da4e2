package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sonde-media/sonde/internal/hub"
)

// deployFlags are what sonde deploy is told of an agent to be.
type deployFlags struct {
	region, hub, name      string
	tokenFile, data        string
	image, binary, spacing string
}

func deployCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "deploy",
		Short: "Print the file that runs an agent in a region",
		Long: `Print one file that runs an agent in a region, with this hub and its token, for
the tool that shall run it there. The agent takes its configuration from the
hub (sonde hub --config FILE serves it) and keeps it for when the hub is away.

The token is read from --token-file, else issued by the hub whose data is in
--data and bound to the region, else read from SONDE_TOKEN, else issued by the
hub whose data is in the usual place of this machine. An issued token is one of
those that sonde hub token list shows and sonde hub token revoke ends.`,
	}
	c.AddCommand(
		deployTo(docker, "Print a file for docker compose", func(f *deployFlags, fs *pflag.FlagSet) {
			fs.StringVar(&f.image, "image", defaultImage(), "`IMAGE` that holds sonde, as cmd/sonde/Dockerfile makes it")
		}),
		deployTo(systemd, "Print a systemd unit", func(f *deployFlags, fs *pflag.FlagSet) {
			fs.StringVar(&f.binary, "binary", "/usr/local/bin/sonde", "`FILE` where sonde is there")
		}),
		deployTo(kubernetes, "Print manifests for Kubernetes", func(f *deployFlags, fs *pflag.FlagSet) {
			fs.StringVar(&f.image, "image", defaultImage(), "`IMAGE` that holds sonde, as cmd/sonde/Dockerfile makes it")
			fs.StringVar(&f.spacing, "namespace", "", "`NAME` of the namespace (default: that of kubectl's context)")
		}),
	)
	return c
}

// deployTo is the command that prints the file of p; own registers the flags
// that p alone has.
func deployTo(p platform, short string, own func(*deployFlags, *pflag.FlagSet)) *cobra.Command {
	var f deployFlags
	c := &cobra.Command{
		Use:   p.name + " --region NAME --hub URL",
		Short: short,
		Long:  short + " that runs an agent in a region.\n\n" + p.long,
		Example: fmt.Sprintf(`  sonde deploy %s --region eu-west --hub https://hub.example.org >%s
  sonde deploy %[1]s --region eu-west --hub https://hub.example.org --token-file token >%[2]s`,
			p.name, "sonde-agent-eu-west."+p.suffix),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return f.print(p, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	fs := c.Flags()
	fs.StringVar(&f.region, "region", "", "where the agent stands, recorded with every run")
	fs.StringVar(&f.hub, "hub", "", "`URL` by which the agent reaches the hub (default http://"+defaultListen+", of use on this machine alone)")
	fs.StringVar(&f.name, "name", "", "`NAME` of the agent there: its unit, project or set (default sonde-agent-REGION)")
	fs.StringVar(&f.tokenFile, "token-file", "", "read the token for the hub from this `FILE`; -: from stdin")
	fs.StringVar(&f.data, "data", "", "issue a token bound to the region, in the `DIR` of the hub's data")
	own(&f, fs)
	return c
}

// print writes the file of p. Nothing is issued before all flags are right,
// and what is said besides goes to stderr.
func (f *deployFlags) print(p platform, stdout, stderr io.Writer) error {
	d, err := f.deployment()
	if err != nil {
		return usageError{err}
	}
	source := ""
	if d.Token, source, err = f.token(d.Region); err != nil {
		return err
	}
	if err := d.checkToken(); err != nil {
		return usageError{err}
	}
	text, err := p.render(d)
	if err != nil {
		return err
	}
	for _, note := range d.notes(p, source) {
		fmt.Fprintln(stderr, "sonde: "+note)
	}
	_, err = io.WriteString(stdout, text)
	return err
}

// deployment is what the flags say, checked; all that is wrong is told.
func (f *deployFlags) deployment() (deployment, error) {
	d := deployment{
		Region: f.region, Hub: strings.TrimRight(f.hub, "/"), Name: f.name,
		Image: f.image, Binary: f.binary, Namespace: f.spacing,
	}
	if f.hub == "" {
		d.Hub = "http://" + defaultListen
	}
	if d.Name == "" {
		d.Name = agentName(f.region)
	}
	return d, d.check()
}

// token returns the token for the agent and where it is from, "" where there
// is none.
func (f *deployFlags) token(region string) (text, source string, err error) {
	switch {
	case f.tokenFile != "" && f.data != "":
		return "", "", usageError{errors.New("--token-file and --data: one of them")}
	case f.tokenFile != "":
		text, err = readToken(f.tokenFile)
		return text, "that of " + f.tokenFile, err
	case f.data != "":
		return issuedToken(f.data, region)
	case token() != "":
		return token(), ofEnvironment, nil
	}
	dir, err := hubDir("")
	if err != nil || !isDir(dir) {
		return "", "", nil
	}
	return issuedToken(dir, region)
}

// issuedToken issues a token in a hub's directory, which must be there: one
// issued elsewhere opens nothing.
func issuedToken(data, region string) (text, source string, err error) {
	if !isDir(data) {
		return "", "", usageError{fmt.Errorf("--data %s: no such directory; a hub makes it", data)}
	}
	text, err = issueToken(data, hub.RoleAgent, region)
	return text, "issued in " + data, err
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// ofEnvironment is a token that is the hub's own, as like as not.
const ofEnvironment = "that of SONDE_TOKEN"

// maxTokenBytes bounds what is taken for a token, in a file or a variable.
const maxTokenBytes = 4096

// readToken returns the one line of a file.
func readToken(file string) (string, error) {
	in := io.ReadCloser(os.Stdin)
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return "", usageError{fmt.Errorf("--token-file: %w", err)}
		}
		in = f
	}
	defer in.Close()
	b, err := io.ReadAll(io.LimitReader(in, maxTokenBytes+2))
	if err != nil {
		return "", usageError{fmt.Errorf("--token-file: %w", err)}
	}
	text := strings.TrimSpace(string(b))
	if text == "" {
		return "", usageError{fmt.Errorf("--token-file %s: is empty", file)}
	}
	return text, nil
}

// defaultImage names the image of this version: tags take less than versions.
func defaultImage() string {
	tag := regexp.MustCompile(`[^A-Za-z0-9_.-]+`).ReplaceAllString(buildVersion(), "-")
	return "sonde:" + strings.Trim(tag, "-.")
}
