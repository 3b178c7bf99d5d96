package main

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
)

const (
	// recordTimeout bounds a recording. It takes about two minutes on two cores:
	// the CronJob waits for the next minute.
	recordTimeout = 8 * time.Minute
	// recordAtLeast is how many Events a recording has.
	recordAtLeast = 1000
	// moved is the node that is drained.
	moved = "node-1"
)

// recorded are the workloads of a recording.
//
//go:embed recorded.yaml
var recorded []byte

// wanted are the kinds and reasons that a recording has, each reported by the
// component that reports it in any cluster.
func wanted() []string {
	return []string{
		"Pod:Scheduled", "Pod:Pulled", "Pod:Started", "Pod:Killing", "Pod:BackOff", "Pod:Failed", "Pod:FailedScheduling",
		"Pod:TaintManagerEviction", "Node:RegisteredNode", "Node:NodeReady", "Node:RemovingNode",
		"Deployment:ScalingReplicaSet", "ReplicaSet:SuccessfulCreate", "ReplicaSet:FailedCreate",
		"StatefulSet:SuccessfulCreate", "DaemonSet:SuccessfulCreate",
		"Job:SuccessfulCreate", "Job:Completed", "Job:BackoffLimitExceeded", "Job:DeadlineExceeded", "CronJob:SuccessfulCreate",
		"HorizontalPodAutoscaler:FailedGetResourceMetric", "PersistentVolumeClaim:FailedBinding",
	}
}

// recordEvents creates Events of many kinds and writes kubectl's output to a file,
// compressed and without the name of this machine.
func (d *demo) recordEvents(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	if err := d.makeEvents(ctx); err != nil {
		return err
	}
	d.screen.printf("waiting until there are %d Events, and each kind and reason that is wanted", recordAtLeast)
	if err := controlplane.Until(ctx, d.hasAll); err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	printed, err := d.kubectl(ctx, nil, "get", "events", "--all-namespaces", "--output=json")
	if err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("looking up the name of this machine: %w", err)
	}
	printed = regexp.MustCompile(`\b`+regexp.QuoteMeta(host)+`\b`).ReplaceAll(printed, []byte("machine"))
	var out bytes.Buffer
	compressor, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return fmt.Errorf("compressing: %w", err)
	}
	if _, err := compressor.Write(printed); err != nil {
		return fmt.Errorf("compressing: %w", err)
	}
	if err := compressor.Close(); err != nil {
		return fmt.Errorf("compressing: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(d.record), 0o755); err != nil {
		return fmt.Errorf("writing the recording: %w", err)
	}
	if err := os.WriteFile(d.record, out.Bytes(), 0o644); err != nil {
		return fmt.Errorf("writing the recording: %w", err)
	}
	d.screen.printf("%s: %d bytes, %d compressed", d.record, len(printed), out.Len())
	return nil
}

// makeEvents creates the workloads and operates them.
func (d *demo) makeEvents(ctx context.Context) error {
	const untainted = "demo.brigade.sh/repair-"
	for _, step := range []struct {
		title string
		stdin []byte
		args  string
	}{
		{"creating workloads", recorded, "apply --filename=-"},
		{"waiting until they run", nil, "--namespace=pequod rollout status deployment/queequeg"},
		{"replacing all pods of a Deployment", nil, "--namespace=pequod set image deployment/queequeg main=other"},
		{"waiting until they are replaced", nil, "--namespace=pequod rollout status deployment/queequeg"},
		{"scaling it down", nil, "--namespace=pequod scale deployment/queequeg --replicas=40"},
		{"moving all pods away from " + moved, nil, "taint nodes " + moved + " demo.brigade.sh/repair=now:NoExecute"},
		{"waiting until they run elsewhere", nil, "--namespace=pequod rollout status deployment/queequeg"},
		{"letting pods return", nil, "taint nodes " + moved + " " + untainted},
		{"scaling up again", nil, "--namespace=pequod scale deployment/queequeg --replicas=60"},
		{"waiting until they run", nil, "--namespace=pequod rollout status deployment/queequeg"},
		{"removing " + moved, nil, "delete node " + moved},
	} {
		d.screen.printf("%s", step.title)
		if _, err := d.kubectl(ctx, step.stdin, strings.Fields(step.args)...); err != nil {
			return err
		}
	}
	return nil
}

// hasAll returns what is missing until a recording is complete.
func (d *demo) hasAll(ctx context.Context) error {
	seen, events, err := d.seen(ctx)
	if err != nil {
		return err
	}
	for _, reason := range wanted() {
		if !seen[reason] {
			return fmt.Errorf("%d Events, none is %s", events, reason)
		}
	}
	if events < recordAtLeast {
		return fmt.Errorf("%d Events of %d", events, recordAtLeast)
	}
	return nil
}

// seen returns the kinds and reasons of all Events, and their number.
func (d *demo) seen(ctx context.Context) (reasons map[string]bool, events int, err error) {
	list, err := d.client.CoreV1().Events(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, 0, err
	}
	reasons = map[string]bool{}
	for i := range list.Items {
		reasons[list.Items[i].InvolvedObject.Kind+":"+list.Items[i].Reason] = true
	}
	return reasons, len(list.Items), nil
}

// kubectl runs kubectl and returns its output.
func (d *demo) kubectl(ctx context.Context, stdin []byte, args ...string) ([]byte, error) {
	binary, err := controlplane.Binary("kubectl")
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, binary, append([]string{"--kubeconfig=" + d.cp.Kubeconfig()}, args...)...)
	cmd.Stdin = bytes.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return out, nil
}
