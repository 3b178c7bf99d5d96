package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// --open starts the program that opens addresses, with the page's own.
func TestOpenBrowserOpensThePage(t *testing.T) {
	dir := t.TempDir()
	opened := filepath.Join(dir, "opened")
	if err := syscall.Mkfifo(opened, 0o600); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\nprintf %s \"$1\" >" + opened + "\n"
	if err := os.WriteFile(filepath.Join(dir, "xdg-open"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	openBrowser(t.Context(), "http://127.0.0.1:40123/", slog.New(slog.DiscardHandler))
	got, err := os.ReadFile(opened) // waits for the program
	if err != nil || string(got) != "http://127.0.0.1:40123/" {
		t.Errorf("it opens %q, %v", got, err)
	}
}
