package config

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
)

// FuzzParse checks what must hold for any file: Parse does not panic, each
// fault is inside the file, and a file without faults gives the same Config when it
// is read again, and when what was read is written out and read.
func FuzzParse(f *testing.F) {
	for _, path := range testdata(f) {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := Parse("f", data)
		if err != nil {
			var report *Error
			if !errors.As(err, &report) || len(report.Faults) == 0 {
				t.Fatalf("the error is not a report: %v", err)
			}
			checkPlaces(t, data, report.Faults)
			return
		}
		if cfg.Filters == nil {
			t.Fatal("a file without faults has no list of filters")
		}
		checkPlaces(t, data, cfg.Warnings)
		again, err := Parse("f", data)
		if err != nil {
			t.Fatalf("refused the second time: %v", err)
		}
		checkSame(t, cfg, again)
		written, err := Parse("f", render(t, cfg))
		if err != nil {
			t.Fatalf("written out it is refused: %v\n%s", err, render(t, cfg))
		}
		checkSame(t, cfg, written)
	})
}

// checkPlaces checks that each fault is inside the file and shows its line, with the same columns.
func checkPlaces(t *testing.T, data []byte, faults []Fault) {
	t.Helper()
	lines := strings.Split(strings.TrimPrefix(string(data), "\uFEFF"), "\n")
	for _, f := range faults {
		if f.Line < 1 || f.Line > len(lines) {
			t.Fatalf("%+v: the file has %d lines", f, len(lines))
		}
		line := strings.TrimSuffix(lines[f.Line-1], "\r")
		if f.Source != "" && f.Source != masked(line) {
			t.Fatalf("%+v: the line is %q", f, line)
		}
		if utf8.RuneCountInString(masked(line)) != utf8.RuneCountInString(line) {
			t.Fatalf("masked, the line %q is %q", line, masked(line))
		}
		if f.Column < 1 || f.Column > utf8.RuneCountInString(line)+1 {
			t.Fatalf("%+v: the line has %d characters", f, utf8.RuneCountInString(line))
		}
		if f.Message == "" || !strings.HasPrefix(f.String(), "f:") {
			t.Fatalf("%+v says nothing", f)
		}
	}
}

// checkSame checks that two configurations do the same.
func checkSame(t *testing.T, one, other *Config) {
	t.Helper()
	if diff := cmp.Diff(one.Filters.Rules(), other.Filters.Rules()); diff != "" {
		t.Fatalf("filters differ:\n%s", diff)
	}
	if one.Project != other.Project || one.CommitRef != other.CommitRef || one.Limits != other.Limits || !slices.Equal(one.Destinations, other.Destinations) {
		t.Fatalf("%+v differs from %+v", one, other)
	}
}

// render writes a configuration as a filter file.
func render(t *testing.T, cfg *Config) []byte {
	t.Helper()
	filters := []map[string]any{}
	for _, r := range cfg.Filters.Rules() {
		f := renderConditions(r.Conditions())
		f["id"], f["action"], f["project"], f["destination"] = r.ID, r.Action.String(), r.Project, r.Destination
		f["commitRef"], f["logLevel"], f["oncePer"] = "", string(r.LogLevel), r.OncePer.String()
		if r.Action == filter.Accept {
			f["commitRef"] = r.CommitRef
		}
		if r.OncePer.GroupBy.IsSet() {
			f["groupBy"] = append([]string{}, r.OncePer.GroupBy.Keys()...)
		}
		if r.Except != nil {
			f["except"] = renderConditions(*r.Except)
		}
		filters = append(filters, f)
	}
	destinations := []map[string]any{}
	for _, d := range cfg.Destinations {
		c := d.CloudEvents
		mode := map[bool]string{false: "binary", true: "structured"}[c.Structured]
		destinations = append(destinations, map[string]any{"name": d.Name, "cloudEvents": map[string]any{
			"url": c.URL, "mode": mode, "timeout": c.Timeout.String(), "caFile": c.CAFile, "certFile": c.CertFile, "keyFile": c.KeyFile,
			"tokenFile": c.TokenFile, "headersFile": c.HeadersFile, "allowLinkLocal": c.AllowLinkLocal,
		}})
	}
	data, err := yaml.Marshal(map[string]any{
		"destinations": destinations,
		"project":      cfg.Project, "commitRef": cfg.CommitRef, "filters": filters, "paused": cfg.Limits.Paused,
		"limits": map[string]int{
			"buildsPerMinute": cfg.Limits.BuildsPerMinute, "burst": cfg.Limits.Burst,
			"activeBuilds": cfg.Limits.ActiveBuilds, "queued": cfg.Limits.Queued,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// renderConditions writes conditions as a filter file has them.
func renderConditions(c filter.Except) map[string]any {
	return map[string]any{
		"namespace": c.Namespace, "scope": string(c.Scope), "kind": c.Kind, "reasons": c.Reasons, "name": c.Name, "type": c.Type,
		"component": c.Component, "expression": c.Expression,
	}
}
