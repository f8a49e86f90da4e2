package source

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// JoinedFile is the name of the file, in an agent's data directory, that says
// which hub it joined.
const JoinedFile = "agent.json"

// A Joined is an agent that joined a hub: all that it needs to go on after a
// restart.
type Joined struct {
	Hub    string              `json:"hub"`    // base URL
	Region string              `json:"region"` // it stands in
	Token  string              `json:"token,omitempty"`
	Flags  map[string][]string `json:"flags,omitempty"` // of the command line that joined, by name
}

// Save keeps j in the data directory dir, readable by its owner alone.
func (j *Joined) Save(dir string) error {
	text, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return err
	}
	return WriteDurably(filepath.Join(dir, JoinedFile), append(text, '\n'))
}

// ReadJoined returns which hub the agent with the data directory dir joined;
// nil where it joined none.
func ReadJoined(dir string) (*Joined, error) {
	path := filepath.Join(dir, JoinedFile)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	j := &Joined{}
	d := json.NewDecoder(io.LimitReader(f, 1<<20))
	d.DisallowUnknownFields()
	if err := d.Decode(j); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if !IsURL(j.Hub) || j.Region == "" {
		return nil, fmt.Errorf("%s: hub or region is missing; join again", path)
	}
	return j, nil
}
