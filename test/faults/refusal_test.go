package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/brigadecore/brigade-k8s-gateway/test/controlplane"
	"github.com/brigadecore/brigade-k8s-gateway/test/daemon"
)

// inPod has the environment variables of the chart's Deployment.
func (p *place) inPod() []string {
	return []string{"POD_NAME=gateway-0", "POD_NAMESPACE=" + p.builds}
}

// awaitWarning waits for a Warning Event on the gateway's own pod.
func (p *place) awaitWarning(reason, text string) {
	p.tb.Helper()
	controlplane.Eventually(p.tb, func(ctx context.Context) error {
		list, err := p.client.CoreV1().Events(p.builds).List(ctx, metav1.ListOptions{FieldSelector: "type=Warning,reason=" + reason})
		if err != nil {
			return err
		}
		for i := range list.Items {
			e := &list.Items[i]
			if e.InvolvedObject.Kind == "Pod" && e.InvolvedObject.Name == "gateway-0" && strings.Contains(e.Message, text) {
				return nil
			}
		}
		return fmt.Errorf("no warning %s on the gateway's pod that says %q", reason, text)
	})
}

// TestBuildRefused has the API server reject one Secret. A proxy answers, because a
// trimmed Event gives it no reason to. The build of that Secret is refused, and the
// others are created.
func TestBuildRefused(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "refused")
	const name = "faulted"
	newProxy(p).answer(func(w http.ResponseWriter, r *http.Request) bool { return refuses(t, name, w, r) })
	g := p.beginWith(p.inPod())
	for round := range rounds(1) {
		p.someMore()
		faulted := p.occur(p.podEvent(fmt.Sprintf("%s-%d", name, round)))
		g.Wait("that it is refused", func(r daemon.Record) bool {
			return r.Message() == "build refused" && r.String("event") == p.watched+"/"+faulted.Name
		})
	}
	p.awaitWarning("BuildRefused", "event "+p.watched+"/"+name+"-0 is not built: ")
	p.finish(fmt.Sprintf(" refused=%d", rounds(1)), g)
}

// refuses answers the creation of a Secret with the given text as an API server does if
// a field is invalid.
func refuses(tb testing.TB, text string, w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/secrets") {
		return false
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		tb.Error(err)
		return false
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if !bytes.Contains(body, []byte(text)) {
		return false
	}
	invalid := apierrors.NewInvalid(corev1.SchemeGroupVersion.WithKind("Secret").GroupKind(), "", field.ErrorList{
		field.TooLong(field.NewPath("data"), "", corev1.MaxSecretSize),
	})
	invalid.ErrStatus.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(int(invalid.Status().Code))
	if err := json.NewEncoder(w).Encode(invalid.Status()); err != nil {
		tb.Error(err)
	}
	return true
}

// TestQueueFull has a queue that is shorter than the number of Events, while no build
// can be created. The first ones are built in the end, and the others are dropped and
// reported.
func TestQueueFull(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "queue-full")
	p.filter(strings.Replace(filters, "limits:", "limits:\n  queued: 3", 1))
	restore := p.removeRights()
	g := p.startWith(p.inPod())
	g.Ready()
	due, last := map[string]string{}, ""
	for i := range 8 {
		e := p.occur(p.podEvent(fmt.Sprintf("n-%d", i)))
		last = e.ResourceVersion
		if i < 3 {
			due[string(e.UID)] = e.Name
		}
	}
	g.Wait("that it drops builds", func(r daemon.Record) bool {
		return r.Message() == "build dropped, too many builds wait" && r.String("event") == p.watched+"/n-3"
	})
	p.awaitWarning("BuildDropped", fmt.Sprintf("dropped the build of event %[1]s/n-3: 3 builds wait, which is limits.queued; the longest flow is %[1]s with 3", p.watched))
	restore()
	p.awaitPosition(last)
	g.Stop()
	p.report(8, p.ledger.compare(due, nil), " dropped=5")
}
