package main

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// recordedEvents are what happened on the control plane of the demo, as kubectl
// printed it. `make record-events` records them.
const recordedEvents = "../../examples/events/demo.json.gz"

func TestTheExamplesOnRecordedEvents(t *testing.T) {
	files, err := filepath.Glob("../../examples/events/*_test.yaml")
	if err != nil || len(files) < 5 {
		t.Fatalf("%v, %d test files", err, len(files))
	}
	if fault, stdout, stderr := execute(t, append([]string{"test"}, files...)...); fault != "" || strings.Contains(stdout, "FAIL") {
		t.Errorf("%s\n%s%s", fault, stdout, stderr)
	}
}

// What examples/filters.yaml says, written by hand, decides on each recorded
// Event as the gateway does.
func TestTheRecordedEventsByHand(t *testing.T) {
	byHand := func(e *corev1.Event) string {
		switch o := e.InvolvedObject; {
		case strings.HasPrefix(o.Name, "brigade-worker-"):
			return "guard"
		case o.Namespace == "kube-system":
			return "filters[0]"
		case o.Kind == "Node":
			return "filters[1]"
		case o.Kind == "Pod" && e.Reason == "Killing":
			return "filters[2]"
		case o.Kind == "Pod" && o.Namespace == "pequod":
			return "filters[3]"
		default:
			return "filters[4]"
		}
	}
	events := readRecorded(t)
	if len(events) < 1000 {
		t.Errorf("%d Events are recorded, want at least 1000", len(events))
	}
	fault, stdout, stderr := execute(t, "explain", "--config", "../../examples/filters.yaml", "-o", "json", recordedEvents)
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	if fault != "" || len(lines) != len(events) {
		t.Fatalf("%s, %d lines for %d Events\n%s", fault, len(lines), len(events), stderr)
	}
	for i, line := range lines {
		var got struct{ Event, By string }
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("%s/%s", events[i].Namespace, events[i].Name); got.Event != want || got.By != byHand(&events[i]) {
			t.Errorf("Event %s by %s, want %s by %s", got.Event, got.By, want, byHand(&events[i]))
		}
	}
}

// A list that is in use gets its tests from what happens, and they pass.
func TestRecordingFromRecordedEvents(t *testing.T) {
	lists, err := filepath.Glob("../../examples/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range lists {
		if strings.HasSuffix(list, "_test.yaml") {
			continue
		}
		t.Run(filepath.Base(list), func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "recorded_test.yaml")
			if fault, _, stderr := execute(t, "test", "--record", file, "--config", list, recordedEvents); fault != "" {
				t.Fatalf("%s\n%s", fault, stderr)
			}
			if fault, stdout, stderr := execute(t, "test", file); fault != "" {
				t.Errorf("%s\n%s%s", fault, stdout, stderr)
			}
		})
	}
}

func readRecorded(t *testing.T) []corev1.Event {
	t.Helper()
	file, err := os.Open(recordedEvents)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var list corev1.EventList
	if err := json.NewDecoder(unzipped).Decode(&list); err != nil {
		t.Fatal(err)
	}
	return list.Items
}
