package ui

import (
	"net/http"
	"strings"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/filtertest"
)

// exported is a list in the form in which it is taken along.
type exported struct {
	// File is a name for it.
	File string `json:"file"`
	Text string `json:"text"`
	// Command is what to do with it.
	Command string `json:"command"`
}

// export answers with the list in the request as a filter file, as values of
// the Helm chart, or as a test file, as the query says.
func (u *UI) export(w http.ResponseWriter, r *http.Request) {
	text, ok := u.readList(w, r)
	if !ok {
		return
	}
	c, err := config.Parse("", text)
	if err != nil {
		http.Error(w, "The list has faults; mend them first.", http.StatusConflict)
		return
	}
	switch r.URL.Query().Get("as") {
	case "file":
		u.answer(w, exported{File: "filters.yaml", Text: string(text), Command: "k8s-gateway check --config filters.yaml"})
	case "helm":
		u.answer(w, helmValues(text))
	case "test":
		u.exportTest(w, r, c)
	default:
		http.Error(w, "as must be file, helm or test.", http.StatusBadRequest)
	}
}

// helmValues returns the list as values of the chart, whose keys are the
// list's own.
func helmValues(text []byte) exported {
	const command = "helm upgrade events charts/brigade-k8s-gateway --namespace brigade --reuse-values --values values.yaml"
	return exported{File: "values.yaml", Text: "# " + command + "\n" + string(text), Command: command}
}

// exportTest answers with a test file: what the list decides about the Events
// that are held, once for all that it cannot tell apart.
func (u *UI) exportTest(w http.ResponseWriter, r *http.Request, c *config.Config) {
	if err := u.evaluations.Acquire(r.Context(), 1); err != nil {
		return
	}
	defer u.evaluations.Release(1)
	recorder := filtertest.Recorder{Filters: "filters.yaml", Config: c, AllowBrigadeEvents: u.options.AllowBrigadeEvents}
	for _, x := range u.store.since(0, 0).entries {
		if r.Context().Err() != nil {
			return
		}
		if err := recorder.Add(x.event); err != nil {
			http.Error(w, "The test file cannot be written: "+err.Error(), http.StatusInternalServerError)
			return
		}
	}
	if events, _ := recorder.Seen(); events == 0 {
		http.Error(w, "There are no Events to test with.", http.StatusConflict)
		return
	}
	var text strings.Builder
	if err := recorder.Write(&text); err != nil {
		http.Error(w, "The test file cannot be written: "+err.Error(), http.StatusInternalServerError)
		return
	}
	u.answer(w, exported{File: "filters_test.yaml", Text: text.String(), Command: "k8s-gateway test filters_test.yaml"})
}
