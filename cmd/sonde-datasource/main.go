// Command sonde-datasource is the process that Grafana starts to ask a hub:
// the back end of the data source plugin, installed as gpx_sonde.
package main

import (
	"fmt"
	"os"

	sdk "github.com/grafana/grafana-plugin-sdk-go/backend/datasource"

	"github.com/sonde-media/sonde/internal/datasource"
)

func main() {
	if err := sdk.Manage(datasource.ID, datasource.New, sdk.ManageOpts{}); err != nil {
		fmt.Fprintln(os.Stderr, "sonde-datasource:", err)
		os.Exit(1)
	}
}
