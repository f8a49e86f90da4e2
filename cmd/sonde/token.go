package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sonde-media/sonde/internal/hub"
	"github.com/sonde-media/sonde/internal/store"
)

func tokenCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "token",
		Short: "Issue, list and revoke the tokens of agents and viewers",
		Long: `Issue, list and revoke the tokens by which a hub knows agents and viewers.

They stand in the hub's directory, which is why these commands run on its
machine, as the user that the hub runs as; it may run meanwhile, and goes by
what they say at once. Only hashes are kept: a token is shown when it is issued
and never again. What the environment variable SONDE_TOKEN of the hub holds is
an admin's token besides.`,
	}
	c.AddCommand(tokenCreateCommand(), tokenListCommand(), tokenRevokeCommand())
	return c
}

const dataUsage = "the hub's `DIR` (default ~/.local/state/sonde/hub)"

func tokenCreateCommand() *cobra.Command {
	var data, region, role, hubURL string
	c := &cobra.Command{
		Use:   "create --region NAME [--url URL]",
		Short: "Issue a token and print the command to run in the region",
		Long: `Issue a token and print the one command to run in its region. A token of the
role

  agent   sends the runs of its region, and takes the configuration
  viewer  asks: the API, the pages, /metrics; for Grafana and people
  admin   does both, for all regions`,
		Example: `  sonde hub token create --region eu-west --url https://hub.example:4318
  sonde hub token create --role viewer`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			base, err := hubAddress(hubURL)
			switch {
			case err != nil:
				return usageError{err}
			case !slices.Contains(store.Roles, hub.Role(role)):
				return usageError{fmt.Errorf("--role %s: want agent, viewer or admin", role)}
			case region == "" && role == string(hub.RoleAgent):
				return usageError{errors.New("--region NAME is needed: an agent's token is bound to where it stands")}
			case region != "" && role != string(hub.RoleAgent):
				return usageError{fmt.Errorf("--region: a token of the role %s is bound to no region", role)}
			}
			t, secret, err := createToken(data, hub.Role(role), region)
			if err != nil {
				return err
			}
			dir, err := hubDir(data)
			if err == nil {
				issued{t, secret, base, dir}.tell(c.OutOrStdout())
			}
			return err
		},
	}
	c.Flags().SortFlags = false
	c.Flags().StringVar(&region, "region", "", "`NAME` of the region that an agent's token is bound to")
	c.Flags().StringVar(&role, "role", string(hub.RoleAgent), "agent, viewer or admin")
	c.Flags().StringVar(&hubURL, "url", "", "`URL` by which the hub is reached from there (default http://"+defaultListen+")")
	c.Flags().StringVar(&data, "data", "", dataUsage)
	return c
}

// hubAddress checks where a hub is said to be, by default on this machine.
func hubAddress(text string) (string, error) {
	if text == "" {
		return "http://" + defaultListen, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return "", errors.New("--url: want a URL such as https://hub.example:4318")
	}
	return strings.TrimSuffix(text, "/"), nil
}

// An issued token is told of once.
type issued struct {
	store.Token
	secret, hub, dir string
}

// tell says what to do with a token.
func (t issued) tell(w io.Writer) {
	switch t.Role {
	case hub.RoleAgent:
		fmt.Fprintf(w, "In %s, run:\n\n  SONDE_TOKEN=%s sonde agent join %s\n\n", t.Region, t.secret, t.hub)
	case hub.RoleViewer:
		fmt.Fprintf(w, "For Grafana's data source, or as a password in a browser, at %s:\n\n  %s\n\n", t.hub, t.secret)
	default:
		fmt.Fprintf(w, "For all that %s does:\n\n  SONDE_TOKEN=%s\n\n", t.hub, t.secret)
	}
	fmt.Fprintf(w, "It isn't shown again. `sonde hub token revoke %s` takes it back.\nIt is recorded in %s.\n", t.ID, t.dir)
}

func tokenListCommand() *cobra.Command {
	var data string
	c := &cobra.Command{
		Use:   "list",
		Short: "List tokens by ID: role, region, when made and last used",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var all []store.Token
			err := withRecords(data, func(r *store.Records) (err error) {
				all, err = r.Tokens()
				return err
			})
			if err != nil {
				return err
			}
			return listTokens(c.OutOrStdout(), all)
		},
	}
	c.Flags().StringVar(&data, "data", "", dataUsage)
	return c
}

func listTokens(w io.Writer, all []store.Token) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tROLE\tREGION\tCREATED\tLAST USED\tSTATE")
	for _, one := range all {
		state := "holds"
		if !one.Revoked.IsZero() {
			state = "revoked " + dateOf(one.Revoked)
		}
		region := one.Region
		if region == "" {
			region = "-"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", one.ID, one.Role, region, dateOf(one.Created), dateOf(one.Used), state)
	}
	return t.Flush()
}

// dateOf is the day of t: the use of a token is noted once a day.
func dateOf(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.DateOnly)
}

func tokenRevokeCommand() *cobra.Command {
	var data string
	c := &cobra.Command{
		Use:   "revoke ID",
		Short: "Take a token back, at once",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			err := withRecords(data, func(r *store.Records) error { return r.RevokeToken(args[0]) })
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return usageError{fmt.Errorf("no token that holds has the ID %q; sonde hub token list shows them", args[0])}
			case err != nil:
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s is revoked: who shows it is refused from now on\n", args[0])
			return err
		},
	}
	c.Flags().StringVar(&data, "data", "", dataUsage)
	return c
}

// issueToken records a new token in a hub's directory, "" for the default one,
// and returns it. The hub may run meanwhile.
func issueToken(data string, role hub.Role, region string) (string, error) {
	_, secret, err := createToken(data, role, region)
	return secret, err
}

func createToken(data string, role hub.Role, region string) (t store.Token, secret string, err error) {
	err = withRecords(data, func(r *store.Records) (err error) {
		t, secret, err = r.CreateToken(role, region)
		return err
	})
	return t, secret, err
}

// withRecords calls f with the records in a hub's directory.
func withRecords(data string, f func(*store.Records) error) error {
	dir, err := hubDir(data)
	if err != nil {
		return usageError{err}
	}
	r, err := store.OpenRecords(dir)
	if err != nil {
		return err
	}
	return errors.Join(f(r), r.Close())
}
