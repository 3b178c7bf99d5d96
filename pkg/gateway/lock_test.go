package gateway

import (
	"bytes"
	"errors"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	k8stesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// /readyz of a pod that cannot acquire the Lease names the Lease and the error.
func TestReadySaysWhyTheLeaseCannotBeAcquired(t *testing.T) {
	t.Parallel()
	leases := schema.GroupResource{Group: "coordination.k8s.io", Resource: "leases"}
	denied := apierrors.NewForbidden(leases, "gw", errors.New("no right"))
	read := func(t *testing.T, l *lock) {
		t.Helper()
		_, _, _ = l.Get(t.Context())
	}
	create := func(t *testing.T, l *lock) {
		t.Helper()
		_ = l.Create(t.Context(), resourcelock.LeaderElectionRecord{})
	}
	const head = "not watching Events yet"
	tests := map[string]struct {
		verb string
		err  error
		do   func(t *testing.T, l *lock)
		want string
	}{
		"it may not be read":       {"get", denied, read, head + `: reading lease brigade/gw: leases.coordination.k8s.io "gw" is forbidden: no right`},
		"it may not be created":    {"create", denied, create, head + `: creating lease brigade/gw: leases.coordination.k8s.io "gw" is forbidden: no right`},
		"it is not there yet":      {"get", apierrors.NewNotFound(leases, "gw"), read, head},
		"another has created it":   {"none", nil, create, head},
		"the API server times out": {"create", apierrors.NewTimeoutError("no answer", 1), create, head + ": creating lease brigade/gw: Timeout: no answer"},
		"it may no longer be updated": {"update", denied, func(t *testing.T, l *lock) {
			t.Helper()
			create(t, l)
			_ = l.Update(t.Context(), resourcelock.LeaderElectionRecord{})
		}, head + `: updating lease brigade/gw: leases.coordination.k8s.io "gw" is forbidden: no right`},
		"what was denied is granted": {"none", nil, func(t *testing.T, l *lock) {
			t.Helper()
			l.note("creating", denied)
			create(t, l)
		}, head},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := fake.NewClientset()
			client.PrependReactor(tc.verb, "leases", func(k8stesting.Action) (bool, runtime.Object, error) { return true, nil, tc.err })
			g := newGateway(t, client, &bytes.Buffer{})
			tc.do(t, &lock{gateway: g, renewed: func() {}, LeaseLock: resourcelock.LeaseLock{
				LeaseMeta: metav1.ObjectMeta{Namespace: "brigade", Name: "gw"}, Client: client.CoordinationV1(),
			}})
			if _, err := g.Ready(); err == nil || err.Error() != tc.want {
				t.Errorf("not ready because %v, want %s", err, tc.want)
			}
		})
	}
}
