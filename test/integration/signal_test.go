package integration

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/test/daemon"
)

// TestASecondSignalEndsAtOnce needs a write that never ends, which no real API server
// has.
func TestASecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	writing, release := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/secrets"):
			close(writing)
			<-release
		case r.URL.Query().Get("sendInitialEvents") == "true":
			w.WriteHeader(http.StatusBadRequest) // the gateway lists instead
		case r.URL.Query().Get("watch") != "":
			w.(http.Flusher).Flush()
			select {
			case <-release:
			case <-r.Context().Done():
			}
		default:
			w.Header().Set("Content-Type", "application/json")
			list := corev1.EventList{
				TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "EventList"},
				ListMeta: metav1.ListMeta{ResourceVersion: "2"},
				Items: []corev1.Event{{
					ObjectMeta:     metav1.ObjectMeta{Namespace: "default", Name: "web-0", UID: "u", ResourceVersion: "1"},
					InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "web-0"},
				}},
			}
			if err := json.NewEncoder(w).Encode(list); err != nil {
				t.Error(err)
			}
		}
	}))
	defer server.Close()
	defer close(release)
	kubeconfig := write(t, "kubeconfig", "apiVersion: v1\nkind: Config\n")
	gateway := daemon.Start(t, "--kubeconfig", kubeconfig, "--master", server.URL, "--config", write(t, "filters.yaml", acceptPods),
		"--replay-existing", "--shutdown-grace-period", "1h", "--listen", "")
	<-writing
	gateway.Signal(syscall.SIGTERM)
	gateway.Wait("that it finishes what is in flight", func(r daemon.Record) bool { return strings.HasPrefix(r.Message(), "stopping") })
	gateway.Signal(syscall.SIGTERM)
	if code := gateway.Exit(); code != 130 {
		t.Errorf("exit code %d, want 130, that of an interrupted command", code)
	}
}
