package main

import (
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/delivery"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/gateway"
	"github.com/brigadecore/brigade-k8s-gateway/test/docs"
)

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
	if diff := cmp.Diff(flags, firstColumn(docs.Section(t, "docs/operations.md", "Flags"))); diff != "" {
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
	if diff := cmp.Diff(metrics.names, firstColumn(docs.Section(t, "docs/operations.md", "Metrics"))); diff != "" {
		t.Errorf("metrics (-) and docs/operations.md (+):\n%s", diff)
	}
}

// The runbook of failing builds explains every reason that is retried.
func TestEveryReasonIsDocumented(t *testing.T) {
	_, runbook, _ := strings.Cut(docs.Read(t, "docs/operations.md"), "\n### BrigadeGatewayBuildsFailing\n")
	runbook, _, _ = strings.Cut(runbook, "\n### ")
	for _, reason := range delivery.Reasons() {
		if !regexp.MustCompile("(?m)^\\|.*`" + string(reason) + "`.* \\|").MatchString(runbook) {
			t.Errorf("the runbook has no reason %q", reason)
		}
	}
}

// TestSecurityNamesTestsThatExist checks that the tests that SECURITY.md names exist.
func TestSecurityNamesTestsThatExist(t *testing.T) {
	page := docs.Read(t, "SECURITY.md")
	tests := map[string]bool{}
	for _, folder := range []string{"..", "../../pkg", "../../test"} {
		err := filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, match := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllStringSubmatch(string(source), -1) {
				tests[match[1]] = true
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	named := regexp.MustCompile("`((?:Test|Fuzz)\\w+)`").FindAllStringSubmatch(page, -1)
	if len(named) < 15 {
		t.Errorf("only %d tests are named", len(named))
	}
	for _, match := range named {
		if !tests[match[1]] {
			t.Errorf("SECURITY.md names %s, which does not exist", match[1])
		}
	}
}
