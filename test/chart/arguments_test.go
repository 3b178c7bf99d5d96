package chart

import (
	"os/exec"
	"testing"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
)

// The gateway accepts all arguments that the chart sets.
func TestArguments(t *testing.T) {
	gateway, err := controlplane.Binary("k8s-gateway")
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range valueSets(t) {
		t.Run(name, func(t *testing.T) {
			deployments := objects[appsv1.Deployment](t, render(t, "--values", values), "Deployment")
			if len(deployments) != 1 {
				t.Fatalf("%d Deployments, want 1", len(deployments))
			}
			args := deployments[0].Spec.Template.Spec.Containers[0].Args
			// Flags are parsed before help is printed.
			if out, err := exec.CommandContext(t.Context(), gateway, append(args, "--help")...).CombinedOutput(); err != nil {
				t.Errorf("k8s-gateway %q: %v\n%s", args, err, out)
			}
		})
	}
}
