package explain

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/brigade"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/decide"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/printable"
)

// Format is an output format.
type Format string

const (
	// Text is for people.
	Text Format = "text"
	// JSON is one JSON object per line.
	JSON Format = "json"
)

// ParseFormat parses "text" or "json".
func ParseFormat(s string) (Format, error) {
	if all := []Format{Text, JSON}; slices.Contains(all, Format(s)) {
		return Format(s), nil
	}
	return "", fmt.Errorf("unknown format %q; allowed are %s and %s", s, Text, JSON)
}

// printer prints explanations.
type printer interface {
	print(Explanation) error
}

func newPrinter(o Options) printer {
	if o.Format == JSON {
		encoder := json.NewEncoder(o.Out)
		encoder.SetEscapeHTML(false) // --why quotes expressions
		return jsonPrinter{encoder}
	}
	width := len(decide.ByNamespace)
	for _, name := range o.Config.Filters.Names() {
		width = max(width, len(name))
	}
	return textPrinter{w: o.Out, width: width}
}

// textPrinter prints a line for each Event, and the reasons indented below it.
// Columns have fixed widths, because Events are printed as they are read.
type textPrinter struct {
	w     io.Writer
	width int
}

func (p textPrinter) print(x Explanation) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%-6s  %-*s  %-36s  %-22s  %s\n", x.Verdict.Action, p.width, x.Verdict.By,
		printable.Text(event.Key(x.Event)), brigade.EventType(x.Event), printable.Text(event.Object(x.Event)))
	for _, step := range x.Why {
		fmt.Fprintf(&b, "        %s: %s\n", step.By, printable.Text(step.Why))
	}
	_, err := io.WriteString(p.w, b.String())
	return err
}

type jsonPrinter struct {
	encoder *json.Encoder
}

// jsonLine is the line of one Event.
type jsonLine struct {
	Event   string `json:"event"`
	Verdict string `json:"verdict"`
	By      string `json:"by"`
	Project string `json:"project,omitempty"`
	// Destination is where an accepted Event is sent to. Without one Brigade builds.
	Destination string `json:"destination,omitempty"`
	// ProjectName is the project as in the filter file, a name or an ID.
	ProjectName string     `json:"projectName,omitempty"`
	EventType   string     `json:"eventType"`
	BuildID     string     `json:"buildID,omitempty"`
	Why         []jsonStep `json:"why,omitempty"`
}

// jsonStep is a filter that did not match, or what decided.
type jsonStep struct {
	By string `json:"by"`
	// Failed is the condition that did not hold.
	Failed string `json:"failed,omitempty"`
	// Decided is why the step decided.
	Decided string `json:"decided,omitempty"`
}

func (p jsonPrinter) print(x Explanation) error {
	line := jsonLine{
		Event:       event.Key(x.Event),
		Verdict:     x.Verdict.Action.String(),
		By:          x.Verdict.By,
		Project:     x.ProjectID,
		Destination: x.Verdict.Destination,
		ProjectName: x.Verdict.Project,
		EventType:   brigade.EventType(x.Event),
		BuildID:     x.BuildID,
	}
	for _, step := range x.Why {
		if step.Matched {
			line.Why = append(line.Why, jsonStep{By: step.By, Decided: step.Why})
		} else {
			line.Why = append(line.Why, jsonStep{By: step.By, Failed: step.Why})
		}
	}
	return p.encoder.Encode(line)
}
