package faults

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// TestTheLedgerSeesWhatIsWrong makes every mistake that a gateway could make by hand,
// to show that the comparison can fail.
func TestTheLedgerSeesWhatIsWrong(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "by-hand")
	secrets := p.client.CoreV1().Secrets(p.builds)
	build := func(name, event string) {
		t.Helper()
		payload, err := json.Marshal(corev1.Event{ObjectMeta: metav1.ObjectMeta{Name: event, UID: types.UID("uid-of-" + event)}})
		p.must(err)
		_, err = secrets.Create(t.Context(), &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"heritage": "brigade", "component": "build"}},
			Data:       map[string][]byte{"payload": payload},
		}, metav1.CreateOptions{})
		p.must(err)
	}
	build("good", "good")
	build("twice-1", "twice")
	build("twice-2", "twice")
	build("stranger", "stranger")
	build("allowed", "allowed")
	build("again", "again")
	p.ledger.secrets() // has seen the first
	p.must(secrets.Delete(t.Context(), "again", metav1.DeleteOptions{}))
	build("again", "again")

	due := map[string]string{"uid-of-good": "good", "uid-of-twice": "twice", "uid-of-again": "again", "uid-of-lost": "lost"}
	got := p.ledger.compare(due, map[string]string{"uid-of-allowed": "allowed"})
	want := tally{
		accepted: 4, builds: 6, missing: []string{"lost"},
		duplicates: []string{"uid-of-twice as twice-1, twice-2", "again made 2 times"}, unasked: []string{"stranger"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(tally{})); diff != "" {
		t.Errorf("want (-), counted (+):\n%s", diff)
	}
	if got.err() == nil {
		t.Error("nothing is wrong with that, it says")
	}
}
