package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

// healthyCommand is for health checks of images that hold no other program.
func healthyCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "healthy URL",
		Short:  "Succeed where a URL answers 200, as the /healthz of agent and hub",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE:   func(c *cobra.Command, args []string) error { return answersOK(c.Context(), args[0]) },
	}
}

func answersOK(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return usageError{err}
	}
	// No proxy and no redirect stands between a process and itself.
	client := http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: answered %s", url, res.Status)
	}
	return nil
}
