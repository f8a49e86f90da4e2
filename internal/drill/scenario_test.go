package drill

import "testing"

func TestScenariosLoad(t *testing.T) {
	for _, s := range Scenarios() {
		t.Log(s.Name, s.Title, len(s.Targets))
	}
}
