package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/incident"
)

func incidentCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "incident",
		Short: "Ask a hub for incidents, note what you know, write a post-mortem",
		Long: `Ask a hub for incidents: failures that share one cause, from the first to the
last. An ID may be given by its first characters, where they are enough.

Exit status: 0 the hub answered, 2 usage, a token or an ID that it doesn't know,
3 no hub could be asked.`,
	}
	c.AddCommand(incidentListCommand(), incidentShowCommand(), incidentReportCommand(), incidentNoteCommand())
	return c
}

func incidentListCommand() *cobra.Command {
	var a asking
	var from, to, state string
	var services, regions []string
	c := &cobra.Command{
		Use:   "list [--from TIME] [--to TIME] [--state open|resolved]",
		Short: "List incidents of the last 24 hours, those that are open first",
		Example: `  sonde incident list
  sonde incident list --state open --json
  sonde incident list --from -168h --service Podcasts`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if state != "" && state != api.StateOpen && state != api.StateResolved {
				return usageError{fmt.Errorf("--state %s: want open or resolved", state)}
			}
			q, err := rangeOf(from, to, time.Now())
			if err != nil {
				return usageError{err}
			}
			q.Services, q.Regions = services, regions
			return a.ask(c, func(ctx context.Context, client *api.Client) error {
				found, err := client.Incidents(ctx, q, state)
				if err != nil {
					return err
				}
				return a.list(c, found.Incidents, q)
			})
		},
	}
	c.Flags().StringVar(&from, "from", "-24h", "begin of the range: a `TIME` such as 2026-11-02T03:00:00Z, or -6h before now")
	c.Flags().StringVar(&to, "to", "", "end of the range, a `TIME` (default now)")
	c.Flags().StringVar(&state, "state", "", "`STATE`: open or resolved (default both)")
	c.Flags().StringArrayVar(&services, "service", nil, "only those that hit this `SERVICE`; may be repeated")
	c.Flags().StringArrayVar(&regions, "region", nil, "only those in this `REGION`; may be repeated")
	a.register(c.Flags())
	return c
}

// rangeOf reads a range of time.
func rangeOf(from, to string, now time.Time) (q api.Query, err error) {
	v := url.Values{"from": {from}}
	if to != "" {
		v.Set("to", to)
	}
	full, err := api.ParseQuery(v, now)
	if err != nil {
		return q, errors.New(strings.ReplaceAll("--"+err.Error(), "\n", "; --"))
	}
	return api.Query{From: full.From, To: full.To}, nil
}

func (a *asking) list(c *cobra.Command, all []api.Incident, q api.Query) error {
	w := c.OutOrStdout()
	if !a.json {
		return printText(w, incidentList(viewOf(w, false), all, q, time.Now()))
	}
	for _, i := range all {
		if err := printJSON(w, i); err != nil {
			return err
		}
	}
	return nil
}

func incidentShowCommand() *cobra.Command {
	var a asking
	var verbose bool
	c := &cobra.Command{
		Use:     "show ID",
		Short:   "Show one incident: what fails, where, since when, why, and what to do",
		Example: "  sonde incident show 3f2a",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.ask(c, func(ctx context.Context, client *api.Client) error {
				d, err := client.Incident(ctx, args[0])
				w := c.OutOrStdout()
				switch {
				case err != nil:
					return err
				case a.json:
					return printJSON(w, d)
				}
				return printText(w, incidentDetail(viewOf(w, verbose), d, a.pages(), time.Now()))
			})
		},
	}
	c.Flags().BoolVarP(&verbose, "verbose", "v", false, "shorten no list")
	a.register(c.Flags())
	return c
}

func incidentReportCommand() *cobra.Command {
	var a asking
	var links string
	c := &cobra.Command{
		Use:   "report ID",
		Short: "Write an incident's post-mortem in Markdown",
		Long: `Write an incident's post-mortem in Markdown: summary, timeline, what was hit and
what wasn't, cause, evidence with links to runs, operators' notes, and what to
do. It can be sent as it is. Of an incident that is open it is the state now.`,
		Example: "  sonde incident report 3f2a --links https://status.example > post-mortem.md",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.ask(c, func(ctx context.Context, client *api.Client) error {
				d, err := client.Incident(ctx, args[0])
				switch {
				case err != nil:
					return err
				case a.json:
					return printJSON(c.OutOrStdout(), d)
				case links == "":
					links = a.pages()
				}
				return printText(c.OutOrStdout(), incident.Report(d, links, time.Now()))
			})
		},
	}
	c.Flags().StringVar(&links, "links", "", "`URL` by which readers reach the hub's pages (default that of --hub)")
	a.register(c.Flags())
	return c
}

func incidentNoteCommand() *cobra.Command {
	var a asking
	var n api.Note
	var estimate string
	c := &cobra.Command{
		Use:   "note ID [TEXT] [--estimate 30m] [--workaround TEXT] [--public]",
		Short: "Note what you know of an incident, for others and the post-mortem",
		Example: `  sonde incident note 3f2a "new certificate ordered" --estimate 30m
  sonde incident note 3f2a "We are on it." --public`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			n.At = time.Now().UTC()
			n.Text = strings.TrimSpace(strings.Join(args[1:], " "))
			if err := estimated(&n, estimate); err != nil {
				return usageError{err}
			}
			if n.Text == "" && n.Workaround == "" && n.Estimate == nil {
				return usageError{errors.New("the note says nothing: give a text, --workaround or --estimate")}
			}
			return a.ask(c, func(ctx context.Context, client *api.Client) error {
				kept, err := client.AddNote(ctx, args[0], n)
				switch {
				case err != nil:
					return err
				case a.json:
					return printJSON(c.OutOrStdout(), kept)
				}
				who := "for operators"
				if kept.Public {
					who = "for the public: it stands on the status page"
				}
				return printText(c.OutOrStdout(), fmt.Sprintf("noted at %s, %s\n", clockTime(kept.At, time.Now()), who))
			})
		},
	}
	c.Flags().StringVar(&estimate, "estimate", "", "when it is expected to be over: from now, such as 30m, or a `TIME`")
	c.Flags().StringVar(&n.Workaround, "workaround", "", "`TEXT`: what helps until then")
	c.Flags().BoolVar(&n.Public, "public", false, "show it on the status page too")
	a.register(c.Flags())
	return c
}

// estimated puts into n when it is expected to be over.
func estimated(n *api.Note, text string) error {
	if text == "" {
		return nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if d, dErr := time.ParseDuration(text); dErr == nil && d > 0 {
		at, err = n.At.Add(d).Truncate(time.Second), nil
	}
	if err != nil {
		return fmt.Errorf("--estimate %s: want a duration from now such as 30m, or a time such as 2026-11-02T03:00:00Z", text)
	}
	at = at.UTC()
	n.Estimate = &at
	return nil
}
