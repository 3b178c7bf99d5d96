package ui

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/filtertest"
)

// exported is a list as it is copied or downloaded.
type exported struct {
	// File is a name for it.
	File string `json:"file"`
	Text string `json:"text"`
	// Command is what to do with it.
	Command string `json:"command"`
}

// export returns the list in a request as a filter file, as values of the Helm
// chart, or as a test file, as the query says.
func (u *UI) export(ctx context.Context, q request) (any, error) {
	c, err := config.Parse("", q.list)
	if err != nil {
		return nil, &refusal{http.StatusConflict, "The list has faults; correct them first."}
	}
	switch q.query.Get("as") {
	case "file":
		return exported{File: "filters.yaml", Text: string(q.list), Command: "k8s-gateway check --config filters.yaml"}, nil
	case "helm":
		return helmValues(q.list), nil
	case "test":
		return u.testFile(ctx, c)
	default:
		return nil, &refusal{http.StatusBadRequest, "as must be file, helm or test."}
	}
}

// helmValues returns the list as values of the chart, whose keys are the
// list's own.
func helmValues(text []byte) exported {
	const command = "helm upgrade events charts/brigade-k8s-gateway --namespace brigade --reuse-values --values values.yaml"
	return exported{File: "values.yaml", Text: "# " + command + "\n" + string(text), Command: command}
}

// testFile returns a test file that expects what the list decides on the stored
// Events, with one case for all Events that the list cannot distinguish.
func (u *UI) testFile(ctx context.Context, c *config.Config) (any, error) {
	recorder := filtertest.Recorder{Filters: "filters.yaml", Config: c, AllowBrigadeEvents: u.options.AllowBrigadeEvents}
	for _, x := range u.store.since(0, 0).entries {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err := recorder.Add(x.event); err != nil {
			return nil, fmt.Errorf("writing the test file: %w", err)
		}
	}
	if events, _ := recorder.Seen(); events == 0 {
		return nil, &refusal{http.StatusConflict, "There are no Events to test with."}
	}
	var text strings.Builder
	if err := recorder.Write(&text); err != nil {
		return nil, fmt.Errorf("writing the test file: %w", err)
	}
	return exported{File: "filters_test.yaml", Text: text.String(), Command: "k8s-gateway test filters_test.yaml"}, nil
}
