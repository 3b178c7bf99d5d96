package gateway

import (
	"bytes"
	"errors"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	kubetesting "k8s.io/client-go/testing"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
)

func TestALeaseThatIsOlderThanBeforeShowsThatTheHistoryWentBack(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		// versions are what the API server answers: to a read, and to every second
		// request, which is an update.
		versions []string
		want     string
	}{
		"it is read and renewed": {versions: []string{"10", "11", "11", "12"}},
		"it is older when it is read": {
			versions: []string{"10", "12", "11"},
			want:     "the cluster's history went back, because it was restored from a backup: the Lease was at resourceVersion 12, now at 11",
		},
		"it is older when it is renewed": {
			versions: []string{"10", "9", "8"},
			want:     "the cluster's history went back, because it was restored from a backup: the Lease was at resourceVersion 10, now at 9",
		},
		"its versions are not numbers": {versions: []string{"b", "a"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, next := fake.NewClientset(), 0
			client.PrependReactor("*", "leases", func(kubetesting.Action) (bool, runtime.Object, error) {
				next++
				return true, &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{ResourceVersion: tc.versions[next-1]}}, nil
			})
			g := newGateway(t, client, &bytes.Buffer{})
			lease := leases{client: client.CoordinationV1(), gateway: g}.Leases("brigade")
			for i := range tc.versions {
				var err error
				if i%2 == 0 {
					_, err = lease.Get(t.Context(), "gateway", metav1.GetOptions{})
				} else {
					_, err = lease.Update(t.Context(), &coordinationv1.Lease{}, metav1.UpdateOptions{})
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			var got error
			select {
			case got = <-g.wentBack:
			default:
			}
			if tc.want == "" && got != nil || tc.want != "" && (!errors.Is(got, position.ErrHistory) || got.Error() != tc.want) {
				t.Errorf("reported %v, want %q", got, tc.want)
			}
		})
	}
}
