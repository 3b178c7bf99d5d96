package install

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
	"github.com/brigadecore/brigade-k8s-gateway/test/daemon"
)

// accountFolder is where a pod finds the token of its ServiceAccount
// (k8s.io/client-go/rest, InClusterConfig).
const accountFolder = "/var/run/secrets/kubernetes.io/serviceaccount"

// container is the gateway's container of a pod, run as its kubelet would run it.
// Fields of a pod that are not implemented here fail the test.
type container struct {
	*daemon.Daemon
	tb         testing.TB
	pod        *corev1.Pod
	spec       *corev1.Container
	root       string // of the container's file system
	kubeconfig string
	address    string
}

// runPod mounts the volumes of a pod in a folder and starts the gateway with
// the arguments and the environment of its container. Only two things differ from a
// pod: paths begin with the folder, and the ports are free ones of the loopback
// interface.
func runPod(tb testing.TB, pod *corev1.Pod) *container {
	tb.Helper()
	if len(pod.Spec.Containers) != 1 || len(pod.Spec.InitContainers) > 0 {
		tb.Fatalf("pod %s has more than one container", pod.Name)
	}
	c := &container{tb: tb, pod: pod, spec: &pod.Spec.Containers[0], root: tb.TempDir()}
	if len(c.spec.Command) > 0 || len(c.spec.EnvFrom) > 0 {
		tb.Fatalf("cannot run a container with a command %v or environment from elsewhere %v", c.spec.Command, c.spec.EnvFrom)
	}
	for _, m := range c.spec.VolumeMounts {
		c.mount(m, c.content(c.volume(m.Name)))
	}
	c.kubeconfig = c.writeKubeconfig()
	here := c.rewriter()
	args := make([]string, len(c.spec.Args))
	for i, arg := range c.spec.Args {
		args[i] = here.Replace(arg)
	}
	env := []string{"KUBECONFIG=" + c.kubeconfig}
	for _, v := range c.spec.Env {
		env = append(env, v.Name+"="+here.Replace(c.value(v)))
	}
	c.Daemon = daemon.StartWith(tb, env, args...)
	c.address = c.Wait("its port", daemon.WithMessage("serving metrics and health")).String("address")
	return c
}

// probe sends the request of a probe of the container, and fails the test if the
// kubelet would count the answer as a failure.
func (c *container) probe(p *corev1.Probe) {
	c.tb.Helper()
	if p.HTTPGet.Port != intstr.FromString(c.spec.Ports[0].Name) {
		c.tb.Errorf("the probe of %s asks port %s", p.HTTPGet.Path, p.HTTPGet.Port.String())
	}
	if _, err := c.get(c.tb.Context(), p.HTTPGet.Path); err != nil {
		c.tb.Error(err)
	}
}

// get returns the container's answer on its port. Any status except 200 is an error.
func (c *container) get(ctx context.Context, path string) (string, error) {
	body, err := controlplane.Get(ctx, "http://"+c.address+path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", c.pod.Name, err)
	}
	return string(body), nil
}

// client returns a client with the rights of the container.
func (c *container) client() kubernetes.Interface {
	c.tb.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", c.kubeconfig)
	c.must(err)
	client, err := kubernetes.NewForConfig(config)
	c.must(err)
	return client
}

// rewriter replaces the paths and ports of the container by those of the process.
func (c *container) rewriter() *strings.Replacer {
	pairs := []string{"127.0.0.1:8081", "127.0.0.1:0", fmt.Sprintf(":%d", c.spec.Ports[0].ContainerPort), "127.0.0.1:0"}
	for _, m := range c.spec.VolumeMounts {
		pairs = append(pairs, m.MountPath, filepath.Join(c.root, m.MountPath))
	}
	return strings.NewReplacer(pairs...)
}

// value returns the value of an environment variable.
func (c *container) value(v corev1.EnvVar) string {
	c.tb.Helper()
	if v.ValueFrom == nil {
		return v.Value
	}
	if v.ValueFrom.FieldRef == nil {
		c.tb.Fatalf("cannot implement the source of variable %s: %v", v.Name, v.ValueFrom)
	}
	return c.field(v.ValueFrom.FieldRef)
}

// field returns a field of the pod that the pod may refer to.
func (c *container) field(ref *corev1.ObjectFieldSelector) string {
	c.tb.Helper()
	switch ref.FieldPath {
	case "metadata.name":
		return c.pod.Name
	case "metadata.namespace":
		return c.pod.Namespace
	}
	c.tb.Fatalf("cannot implement field %s", ref.FieldPath)
	return ""
}

// writeKubeconfig writes a kubeconfig with what client-go reads from accountFolder in
// a pod, because that folder cannot exist here, and returns its path.
func (c *container) writeKubeconfig() string {
	c.tb.Helper()
	folder := filepath.Join(c.root, accountFolder)
	namespace, err := os.ReadFile(filepath.Join(folder, "namespace"))
	c.must(err)
	config := clientcmdapi.NewConfig()
	config.Clusters["pod"] = &clientcmdapi.Cluster{Server: plane.Config().Host, CertificateAuthority: filepath.Join(folder, "ca.crt")}
	config.AuthInfos["pod"] = &clientcmdapi.AuthInfo{TokenFile: filepath.Join(folder, "token")}
	config.Contexts["pod"] = &clientcmdapi.Context{Cluster: "pod", AuthInfo: "pod", Namespace: string(namespace)}
	config.CurrentContext = "pod"
	path := filepath.Join(c.root, "kubeconfig")
	c.must(clientcmd.WriteToFile(*config, path))
	return path
}

func (c *container) must(err error) {
	c.tb.Helper()
	if err != nil {
		c.tb.Fatalf("running pod %s: %v", c.pod.Name, err)
	}
}
