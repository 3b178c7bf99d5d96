package ui

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/config"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/filtertest"
)

func TestExportAsFileAndAsHelmValuesIsTheListItself(t *testing.T) {
	u := newTestUI(t)
	file := postFor[exported](t, u, "/api/export?as=file", pods)
	if file.Text != pods || file.File != "filters.yaml" || file.Command != "k8s-gateway check --config filters.yaml" {
		t.Errorf("%+v", file)
	}
	values := postFor[exported](t, u, "/api/export?as=helm", pods)
	if !strings.HasPrefix(values.Text, "# helm upgrade ") || !strings.HasSuffix(values.Text, "\n"+pods) || values.File != "values.yaml" {
		t.Errorf("%+v", values)
	}
	if _, err := config.Parse("values.yaml", []byte(values.Text)); err != nil {
		t.Error(err)
	}
}

func TestExportAsTestFilePasses(t *testing.T) {
	u := newTestUI(t)
	if status, body := post(t, u, "/api/export?as=test", pods); status != 409 || strings.TrimSpace(body) != "There are no Events to test with." {
		t.Errorf("%d %s", status, body)
	}
	see(u,
		newEvent(0, "pequod", "web-0", "BackOff"), newEvent(1, "pequod", "web-1", "BackOff"),
		newEvent(2, "pequod", "web-0", "Killing"), newEvent(3, "ahab", "web-0", "BackOff"))
	got := postFor[exported](t, u, "/api/export?as=test", pods)
	if n := strings.Count(got.Text, "- name:"); n != 3 {
		t.Errorf("%d cases, want one for each kind of Event:\n%s", n, got.Text)
	}
	path := filepath.Join(t.TempDir(), got.File)
	if err := os.WriteFile(path, []byte(got.Text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "filters.yaml"), []byte(pods), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := filtertest.Read(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file.Filters)
	if err != nil {
		t.Fatal(err)
	}
	report := filtertest.Run(file, c, func(string) bool { return true })
	if report.Failed() != 0 || len(report.Results) != 3 {
		t.Errorf("%+v", report)
	}
}
