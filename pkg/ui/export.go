package ui

import (
	"net/http"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
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
	default:
		_ = c
		http.Error(w, "as must be file, helm or test.", http.StatusBadRequest)
	}
}

// helmValues returns the list as values of the chart, whose keys are the
// list's own.
func helmValues(text []byte) exported {
	const command = "helm upgrade events charts/brigade-k8s-gateway --namespace brigade --reuse-values --values values.yaml"
	return exported{File: "values.yaml", Text: "# " + command + "\n" + string(text), Command: command}
}
