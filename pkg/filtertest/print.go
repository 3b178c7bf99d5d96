package filtertest

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/printable"
)

// Format is the format of printed reports.
type Format string

const (
	// Text is for people: a line for each case.
	Text Format = "text"
	// JSON is one object with all files.
	JSON Format = "json"
	// JUnit is the XML that CI systems read.
	JUnit Format = "junit"
)

// ParseFormat returns the format with the given name.
func ParseFormat(s string) (Format, error) {
	if all := []Format{Text, JSON, JUnit}; slices.Contains(all, Format(s)) {
		return Format(s), nil
	}
	return "", fmt.Errorf("unknown format %q; allowed are %s, %s and %s", s, Text, JSON, JUnit)
}

// Print prints reports.
func Print(out io.Writer, format Format, reports []Report) error {
	switch format {
	case JSON:
		return printJSON(out, reports)
	case JUnit:
		return printJUnit(out, reports)
	default:
		var b strings.Builder
		for i := range reports {
			reports[i].text(&b)
		}
		_, err := io.WriteString(out, b.String())
		return err
	}
}

// text prints a report in the text format.
func (r *Report) text(b *strings.Builder) {
	fmt.Fprintln(b, r.File)
	for i := range r.Results {
		result := &r.Results[i]
		if len(result.Differences) == 0 {
			fmt.Fprintf(b, "  ok    %s\n", printable.Text(result.Name))
			continue
		}
		fmt.Fprintf(b, "  FAIL  %s (line %d)\n", printable.Text(result.Name), result.Line)
		for line := range strings.SplitSeq(strings.TrimSuffix(result.diff(), "\n"), "\n") {
			fmt.Fprintf(b, "          %s\n", line)
		}
	}
	fmt.Fprintf(b, "%s, %d failed; %s\n", printable.Count(len(r.Results), "test"), r.Failed(), r.Coverage)
}

// diff returns the differences of a failed case and the trace of one Event.
func (r *Result) diff() string {
	var b strings.Builder
	for _, d := range r.Differences {
		fmt.Fprintf(&b, "- %s: %s\n+ %s: %s\n", d.What, printable.Text(d.Want), d.What, printable.Text(d.Got))
	}
	if r.About == "" {
		return b.String()
	}
	fmt.Fprintf(&b, "why, for %s:\n", printable.Text(r.About))
	for _, step := range r.Why {
		why := step.Why
		if step.Matched && why == "" {
			why = "matches, and decides"
		}
		fmt.Fprintf(&b, "  %s: %s\n", step.By, printable.Text(why))
	}
	if len(r.Why) == 0 || !r.Why[len(r.Why)-1].Matched {
		b.WriteString("  default: no filter matched\n")
	}
	return b.String()
}

// String returns how many filters decided, and which did not.
func (c Coverage) String() string {
	text := fmt.Sprintf("%d of %s decided", c.Filters-len(c.Missing), printable.Count(c.Filters, "filter"))
	if len(c.Missing) > 0 {
		text += ", no test is decided by " + strings.Join(c.Missing, ", ")
	}
	return text
}

// jsonReport is a report in the JSON format.
type jsonReport struct {
	File     string       `json:"file"`
	Tests    int          `json:"tests"`
	Failed   int          `json:"failed"`
	Results  []jsonResult `json:"results"`
	Coverage jsonCoverage `json:"coverage"`
}

type jsonResult struct {
	Name        string           `json:"name"`
	Line        int              `json:"line"`
	Passed      bool             `json:"passed"`
	Differences []jsonDifference `json:"differences,omitempty"`
	About       string           `json:"about,omitempty"`
	Why         []jsonStep       `json:"why,omitempty"`
}

type jsonDifference struct {
	What string `json:"what"`
	Want string `json:"want"`
	Got  string `json:"got"`
}

type jsonStep struct {
	By      string `json:"by"`
	Matched bool   `json:"matched"`
	Why     string `json:"why,omitempty"`
}

type jsonCoverage struct {
	Filters int      `json:"filters"`
	Missing []string `json:"missing"`
}

func printJSON(out io.Writer, reports []Report) error {
	all := make([]jsonReport, len(reports))
	for i := range reports {
		r := &reports[i]
		all[i] = jsonReport{
			File: r.File, Tests: len(r.Results), Failed: r.Failed(), Results: make([]jsonResult, len(r.Results)),
			Coverage: jsonCoverage{Filters: r.Coverage.Filters, Missing: append([]string{}, r.Coverage.Missing...)},
		}
		for j := range r.Results {
			result := &r.Results[j]
			one := jsonResult{Name: result.Name, Line: result.Line, Passed: len(result.Differences) == 0, About: result.About}
			for _, d := range result.Differences {
				one.Differences = append(one.Differences, jsonDifference(d))
			}
			for _, step := range result.Why {
				one.Why = append(one.Why, jsonStep(step))
			}
			all[i].Results[j] = one
		}
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(map[string]any{"files": all})
}

// The elements of the JUnit format that all of its readers support.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Cases    []junitCase `xml:"testcase"`
		Out      string      `xml:"system-out"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Failure *junitFailure `xml:"failure"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

func printJUnit(out io.Writer, reports []Report) error {
	var suites junitSuites
	for i := range reports {
		r := &reports[i]
		suite := junitSuite{Name: r.File, Tests: len(r.Results), Failures: r.Failed(), Out: r.Coverage.String()}
		for j := range r.Results {
			result := &r.Results[j]
			c := junitCase{Class: r.File, Name: printable.Text(result.Name)}
			if len(result.Differences) > 0 {
				d := result.Differences[0]
				c.Failure = &junitFailure{
					Message: fmt.Sprintf("%s: want %s, got %s", d.What, printable.Text(d.Want), printable.Text(d.Got)), Text: result.diff(),
				}
			}
			suite.Cases = append(suite.Cases, c)
		}
		suites.Tests += suite.Tests
		suites.Failures += suite.Failures
		suites.Suites = append(suites.Suites, suite)
	}
	if _, err := io.WriteString(out, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(out)
	encoder.Indent("", "  ")
	if err := encoder.Encode(suites); err != nil {
		return err
	}
	_, err := io.WriteString(out, "\n")
	return err
}
