package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

func impactCommand() *cobra.Command {
	var a asking
	var verbose bool
	c := &cobra.Command{
		Use:   "impact [HOST|FINGERPRINT]",
		Short: "List what stands behind a host or a certificate, or certificates by expiry",
		Long: `List the shows, publishers and services that stand behind a host or a
certificate, given by its SHA-256, as probes saw it in the last day; without an
argument, all certificates by date of expiry.

Exit status: as sonde incident has them.`,
		Example: `  sonde impact cdn.example
  sonde impact`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			of := fingerprinted(strings.Join(args, ""))
			return a.ask(c, func(ctx context.Context, client *api.Client) error {
				found, err := client.Impact(ctx, of)
				w := c.OutOrStdout()
				switch {
				case err != nil:
					return err
				case a.json:
					return printJSON(w, found)
				}
				return printText(w, impactText(viewOf(w, verbose), found, time.Now()))
			})
		},
	}
	c.Flags().BoolVarP(&verbose, "verbose", "v", false, "shorten no list")
	a.register(c.Flags())
	return c
}

var colons = regexp.MustCompile(`^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){31}$`)

// fingerprinted takes the colons out of a fingerprint, as openssl prints it.
func fingerprinted(of string) string {
	if colons.MatchString(of) {
		return strings.ReplaceAll(of, ":", "")
	}
	return strings.TrimSpace(of)
}

// impactText draws what stands behind something; of nothing certificates.
func impactText(v treeView, found api.Impact, now time.Time) string {
	d := drawing(v, now)
	if found.Of != "" {
		d.behind(found)
	}
	d.certificates(found)
	d.differing(found.Differing)
	return d.String()
}

func (d *incidentDrawing) behind(found api.Impact) {
	fmt.Fprintf(d, "%s\n", d.in(bold, printable(found.Of)))
	if len(found.Targets) == 0 {
		d.indented("nothing that was probed in the last day uses it; is it a host or a certificate's whole SHA-256?")
		return
	}
	failing := 0
	var rows [][]string
	for _, t := range found.Targets {
		state := "ok"
		if t.Failing {
			state = "failing"
			failing++
		}
		rows = append(rows, []string{state, printable(t.Target), printable(t.Title), printable(t.Publisher), printable(t.Service)})
	}
	now := "none fails now"
	if failing > 0 {
		now = d.in(red, fmt.Sprintf("%d failing now", failing))
	}
	fmt.Fprintf(d, "  %s, %s\n", counted(len(found.Targets), "target"), now)
	d.fact("services", fewOf(found.Services, d.few(fewNames)))
	d.fact("publishers", fewOf(found.Publishers, d.few(fewNames)))
	d.WriteByte('\n')
	shown := rows[:min(len(rows), d.few(4*fewRows))]
	d.table([]string{"NOW", "TARGET", "TITLE", "PUBLISHER", "SERVICE"}, shown)
	d.rest(len(rows) - len(shown))
}

func (d *incidentDrawing) certificates(found api.Impact) {
	if len(found.Certificates) == 0 {
		if found.Of == "" {
			d.WriteString("no certificate was seen in the last day\n")
		}
		return
	}
	if found.Of != "" {
		d.heading("Certificates")
	}
	var rows [][]string
	for _, c := range found.Certificates[:min(len(found.Certificates), d.few(4*fewRows))] {
		expires, left := "unknown", ""
		if !c.NotAfter.IsZero() {
			expires, left = c.NotAfter.UTC().Format(time.DateOnly), d.left(c.NotAfter)
		}
		rows = append(rows, []string{expires, left, fewOf(c.Hosts, 1), fmt.Sprint(len(c.Targets)), fewOf(c.Services, 2), printable(c.SHA256[:min(len(c.SHA256), 12)])})
	}
	if d.verbose {
		for i := range rows {
			rows[i][len(rows[i])-1] = printable(found.Certificates[i].SHA256)
		}
	}
	d.table([]string{"EXPIRES", "LEFT", "HOSTS", "TARGETS", "SERVICES", "SHA-256"}, rows)
	d.rest(len(found.Certificates) - len(rows))
}

// left is how long it is until t.
func (d *incidentDrawing) left(t time.Time) string {
	if left := t.Sub(d.now); left > 0 {
		return probes.Roughly(left)
	}
	return "expired"
}

func (d *incidentDrawing) differing(all []api.DifferingHost) {
	if len(all) == 0 {
		return
	}
	d.heading("Hosts that serve regions different certificates")
	var rows [][]string
	for _, h := range all[:min(len(all), d.few(fewRows))] {
		for _, s := range h.Served {
			expires := "unknown"
			if !s.NotAfter.IsZero() {
				expires = s.NotAfter.UTC().Format(time.DateOnly)
			}
			rows = append(rows, []string{printable(h.Host), printable(s.Region), expires, printable(s.SHA256[:min(len(s.SHA256), 12)])})
		}
	}
	d.table([]string{"HOST", "REGION", "EXPIRES", "SHA-256"}, rows)
	d.rest(len(all) - d.few(fewRows))
}
