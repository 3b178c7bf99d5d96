package main

import (
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/gateway"
)

// operations returns the section of docs/operations.md with the given title.
func operations(t *testing.T, title string) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "\n## "+title+"\n")
	if !found {
		t.Fatalf("docs/operations.md has no section %q", title)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	return section
}

// firstColumn returns the code words that begin the rows of a table.
func firstColumn(section string) []string {
	var words []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(section, -1) {
		words = append(words, row[1])
	}
	slices.Sort(words)
	return words
}

func TestEveryFlagIsDocumented(t *testing.T) {
	var flags []string
	newRootCommand().Flags().VisitAll(func(f *pflag.Flag) { flags = append(flags, "--"+f.Name) })
	flags = slices.DeleteFunc(flags, func(f string) bool { return f == "--help" || f == "--version" })
	slices.Sort(flags)
	if diff := cmp.Diff(flags, firstColumn(operations(t, "Flags"))); diff != "" {
		t.Errorf("flags (-) and docs/operations.md (+):\n%s", diff)
	}
}

// described collects the descriptions of registered metrics.
type described struct {
	prometheus.Registerer
	names []string
}

func (d *described) MustRegister(collectors ...prometheus.Collector) {
	name := regexp.MustCompile(`fqName: "([^"]+)"`)
	for _, c := range collectors {
		descriptions := make(chan *prometheus.Desc, 16)
		c.Describe(descriptions)
		close(descriptions)
		for desc := range descriptions {
			d.names = append(d.names, name.FindStringSubmatch(desc.String())[1])
		}
	}
}

func TestEveryMetricIsDocumented(t *testing.T) {
	metrics := &described{}
	gateway.New(gateway.Options{Registerer: metrics, Config: config.Observe(), Log: slog.New(slog.DiscardHandler)})
	slices.Sort(metrics.names)
	if diff := cmp.Diff(metrics.names, firstColumn(operations(t, "Metrics"))); diff != "" {
		t.Errorf("metrics (-) and docs/operations.md (+):\n%s", diff)
	}
}
