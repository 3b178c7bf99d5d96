package position

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	kubetesting "k8s.io/client-go/testing"
)

// errLost is an answer that was lost.
var errLost = errors.New("unexpected EOF")

// bench is a Store with the API server that it works on.
type bench struct {
	*testing.T
	client *fake.Clientset
	store  *Store
	mu     sync.Mutex
	// breaks, where set, is asked what goes wrong with a write: an error in
	// place of the write, or in place of its answer.
	breaks func(verb string) (before, after error)
}

// breakDown sets what goes wrong with writes, and nil heals them.
func (b *bench) breakDown(breaks func(verb string) (before, after error)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.breaks = breaks
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{T: t, client: fake.NewClientset()}
	b.store = NewStore(b.client.CoreV1(), "brigade", "position")
	// The fake knows no conflict: it compares no resourceVersions.
	version := 10
	tracker := b.client.Tracker()
	b.client.PrependReactor("*", "configmaps", func(action kubetesting.Action) (bool, runtime.Object, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		var before, after error
		if b.breaks != nil {
			before, after = b.breaks(action.GetVerb())
		}
		if before != nil {
			return true, nil, before
		}
		var obj runtime.Object
		var err error
		switch action := action.(type) {
		case kubetesting.UpdateAction: // a create is one too
			next := action.GetObject().DeepCopyObject().(*corev1.ConfigMap)
			stored, getErr := tracker.Get(action.GetResource(), "brigade", "position")
			create := action.GetVerb() == "create"
			switch {
			case create && getErr == nil:
				err = apierrors.NewAlreadyExists(corev1.Resource("configmaps"), "position")
			case create:
				version++
				next.ResourceVersion = strconv.Itoa(version)
				err = tracker.Create(action.GetResource(), next, "brigade")
			case getErr != nil:
				err = getErr
			case stored.(*corev1.ConfigMap).ResourceVersion != next.ResourceVersion:
				err = apierrors.NewConflict(corev1.Resource("configmaps"), "position", errors.New("the object has been modified"))
			default:
				version++
				next.ResourceVersion = strconv.Itoa(version)
				err = tracker.Update(action.GetResource(), next, "brigade")
			}
			obj = next
		default:
			return false, nil, nil
		}
		if err != nil {
			return true, nil, err
		}
		return true, obj, after
	})
	return b
}

// save saves the position of all namespaces.
func (b *bench) save(version string) error {
	b.Helper()
	return b.store.Save(b.Context(), Positions{AllNamespaces: version})
}

// another has another gateway save position 20.
func (b *bench) another() {
	b.Helper()
	other := NewStore(b.client.CoreV1(), "brigade", "position")
	if _, err := other.Load(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := other.Save(b.Context(), Positions{AllNamespaces: "20"}); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) remove() {
	b.Helper()
	if err := b.client.Tracker().Delete(corev1.SchemeGroupVersion.WithResource("configmaps"), "brigade", "position"); err != nil {
		b.Fatal(err)
	}
}

// want compares what is stored.
func (b *bench) want(version string) *corev1.ConfigMap {
	b.Helper()
	return b.wantData(map[string]string{"all-namespaces": version})
}

// wantData compares all that is stored.
func (b *bench) wantData(data map[string]string) *corev1.ConfigMap {
	b.Helper()
	stored, err := b.client.CoreV1().ConfigMaps("brigade").Get(context.Background(), "position", metav1.GetOptions{})
	if err != nil {
		b.Fatal(err)
	}
	if diff := cmp.Diff(data, stored.Data); diff != "" {
		b.Errorf("want (-), stored (+):\n%s", diff)
	}
	return stored
}

// edit has somebody change the ConfigMap.
func (b *bench) edit(change func(*corev1.ConfigMap)) {
	b.Helper()
	configMaps := b.client.CoreV1().ConfigMaps("brigade")
	stored, err := configMaps.Get(b.Context(), "position", metav1.GetOptions{})
	if err != nil {
		b.Fatal(err)
	}
	change(stored)
	if _, err := configMaps.Update(b.Context(), stored, metav1.UpdateOptions{}); err != nil {
		b.Fatal(err)
	}
}

// losing returns what makes the next write lose its answer, and then nothing.
func losing() func(string) (error, error) {
	lost := false
	return func(verb string) (before, after error) {
		if lost || verb == "get" {
			return nil, nil
		}
		lost = true
		return nil, errLost
	}
}

func TestStore(t *testing.T) {
	t.Parallel()
	tests := map[string]func(b *bench){
		"without a configmap there is no position": func(b *bench) {
			got, err := b.store.Load(b.Context())
			if err != nil || len(got) != 0 {
				b.Errorf("Load = %v, %v; want nothing", got, err)
			}
		},
		"what is saved is loaded": func(b *bench) {
			want := Positions{AllNamespaces: "10", "pequod": "9"}
			b.must(b.store.Save(b.Context(), want))
			got, err := NewStore(b.client.CoreV1(), "brigade", "position").Load(b.Context())
			b.must(err)
			if diff := cmp.Diff(want, got); diff != "" {
				b.Errorf("saved (-), loaded (+):\n%s", diff)
			}
		},
		"a scope in which nothing is done yet is stored as such": func(b *bench) {
			b.must(b.store.Save(b.Context(), Positions{"pequod": ""}))
			b.wantData(map[string]string{"namespace.pequod": "0"})
			got, err := NewStore(b.client.CoreV1(), "brigade", "position").Load(b.Context())
			b.must(err)
			if diff := cmp.Diff(Positions{"pequod": ""}, got); diff != "" {
				b.Errorf("want (-), loaded (+):\n%s", diff)
			}
		},
		"a scope that is no longer watched stays stored": func(b *bench) {
			b.must(b.store.Save(b.Context(), Positions{AllNamespaces: "10", "pequod": "9"}))
			b.must(b.save("11"))
			b.wantData(map[string]string{"all-namespaces": "11", "namespace.pequod": "9"})
		},
		"keys of no scope stay": func(b *bench) {
			b.must(b.save("10"))
			b.edit(func(c *corev1.ConfigMap) { c.Data["notes"] = "of an operator" })
			b.must(b.save("11"))
			b.edit(func(c *corev1.ConfigMap) { c.Data["notes"] = "changed" })
			b.must(b.save("12"))
			b.wantData(map[string]string{"all-namespaces": "12", "notes": "changed"})
		},
		"labels and annotations may change and stay": func(b *bench) {
			b.must(b.save("10"))
			b.edit(func(c *corev1.ConfigMap) {
				c.Labels = map[string]string{"helm.sh/chart": "brigade-k8s-gateway-2.0.0"}
				c.Annotations = map[string]string{"note": "patched"}
			})
			b.must(b.save("11"))
			stored := b.want("11")
			if stored.Labels["helm.sh/chart"] != "brigade-k8s-gateway-2.0.0" || stored.Annotations["note"] != "patched" {
				b.Errorf("labels %v and annotations %v, want those that were patched", stored.Labels, stored.Annotations)
			}
		},
		"a configmap that was emptied is filled again, with the scopes that are no longer watched": func(b *bench) {
			b.must(b.store.Save(b.Context(), Positions{AllNamespaces: "10", "pequod": "9"}))
			b.edit(func(c *corev1.ConfigMap) { c.Data = nil })
			b.must(b.save("10"))
			b.wantData(map[string]string{"all-namespaces": "10", "namespace.pequod": "9"})
		},
		"a configmap that was replaced by an empty one is filled again": func(b *bench) {
			b.must(b.save("10"))
			b.remove()
			b.must(b.client.Tracker().Add(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
				Namespace: "brigade", Name: "position", UID: "another", ResourceVersion: "z",
			}}))
			b.must(b.save("11"))
			b.want("11")
		},
		"a configmap whose positions were edited is not overwritten": func(b *bench) {
			b.must(b.save("10"))
			b.edit(func(c *corev1.ConfigMap) { c.Data["all-namespaces"] = "5" })
			if err := b.save("11"); !errors.Is(err, ErrTaken) {
				b.Errorf("Save = %v, want ErrTaken", err)
			}
			b.want("5")
		},
		"a configmap that got the position of another scope is not overwritten": func(b *bench) {
			b.must(b.save("10"))
			b.edit(func(c *corev1.ConfigMap) { c.Data["namespace.pequod"] = "5" })
			const want = "saving position to configmap brigade/position: the stored position is not what this gateway wrote"
			if err := b.save("11"); err == nil || err.Error() != want {
				b.Errorf("Save = %v, want %s", err, want)
			}
		},
		"a configmap that another gateway wrote is not overwritten": func(b *bench) {
			b.must(b.save("10"))
			b.another()
			if err := b.save("11"); !errors.Is(err, ErrTaken) {
				b.Errorf("Save = %v, want ErrTaken", err)
			}
			b.want("20")
		},
		"a configmap that another gateway created first is not overwritten": func(b *bench) {
			_, err := b.store.Load(b.Context())
			b.must(err)
			b.another()
			if err := b.save("11"); !errors.Is(err, ErrTaken) {
				b.Errorf("Save = %v, want ErrTaken", err)
			}
			b.want("20")
		},
		"a configmap that was deleted is created again with its labels": func(b *bench) {
			b.must(b.client.Tracker().Add(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
				Namespace: "brigade", Name: "position", Labels: map[string]string{"app": "x"}, UID: "1", ResourceVersion: "z",
			}}))
			_, err := b.store.Load(b.Context())
			b.must(err)
			b.remove()
			b.must(b.save("11"))
			b.want("11")
			if got := b.store.held.Labels["app"]; got != "x" {
				b.Errorf("label %q, want x", got)
			}
		},
		"a write that was carried out and got no answer is its own": func(b *bench) {
			b.must(b.save("10"))
			b.breakDown(losing())
			if err := b.save("11"); !errors.Is(err, errLost) || errors.Is(err, ErrTaken) {
				b.Errorf("Save = %v, want the lost answer", err)
			}
			b.must(b.save("12"))
			b.want("12")
		},
		"a first write that was carried out and got no answer is its own": func(b *bench) {
			b.breakDown(losing())
			if err := b.save("11"); !errors.Is(err, errLost) {
				b.Errorf("Save = %v, want the lost answer", err)
			}
			b.must(b.save("12"))
			b.want("12")
		},
		"of several writes without an answer any may have been carried out": func(b *bench) {
			b.must(b.save("10"))
			b.breakDown(losing())
			_ = b.save("11") // carried out
			b.breakDown(func(string) (error, error) { return errLost, nil })
			_ = b.save("12") // not carried out
			b.breakDown(nil)
			b.must(b.save("13"))
			b.want("13")
		},
		"another gateway's write after one without an answer is not overwritten": func(b *bench) {
			b.must(b.save("10"))
			b.breakDown(losing())
			_ = b.save("11")
			b.breakDown(nil)
			b.another()
			if err := b.save("12"); !errors.Is(err, ErrTaken) {
				b.Errorf("Save = %v, want ErrTaken", err)
			}
			b.want("20")
		},
		"a ConfigMap that is older than before is from a restored cluster": func(b *bench) {
			b.must(b.save("10"))
			older := b.want("10")
			older.ResourceVersion = "9"
			b.must(b.client.Tracker().Update(corev1.SchemeGroupVersion.WithResource("configmaps"), older, "brigade"))
			if err := b.save("11"); !errors.Is(err, ErrHistory) || errors.Is(err, ErrTaken) {
				b.Errorf("Save = %v, want ErrHistory", err)
			}
			b.want("10")
		},
		"a conflict that cannot be examined is retried": func(b *bench) {
			b.must(b.save("10"))
			b.breakDown(losing())
			_ = b.save("11")
			b.breakDown(func(verb string) (before, after error) {
				if verb == "get" {
					return errLost, nil
				}
				return nil, nil
			})
			if err := b.save("12"); !errors.Is(err, errLost) || errors.Is(err, ErrTaken) {
				b.Errorf("Save = %v, want the error of the get", err)
			}
			b.breakDown(nil)
			b.must(b.save("13"))
			b.want("13")
		},
		"what is remembered of writes without an answer is bounded": func(b *bench) {
			b.must(b.save("10"))
			b.breakDown(func(string) (error, error) { return errLost, nil })
			for v := range 100 {
				_ = b.save(string(rune('0'+v/10)) + string(rune('0'+v%10)))
			}
			if n := len(b.store.unanswered); n != maxUnanswered {
				b.Errorf("%d writes remembered, want %d", n, maxUnanswered)
			}
		},
		"a position that is not a resourceVersion is refused, and says how to reset it": func(b *bench) {
			b.must(b.client.Tracker().Add(&corev1.ConfigMap{
				ObjectMeta: metav1.ObjectMeta{Namespace: "brigade", Name: "position"},
				Data:       map[string]string{"all-namespaces": "12x", "notes": "not a scope, not read"},
			}))
			_, err := b.store.Load(b.Context())
			const want = `position in configmap brigade/position, key "all-namespaces", is not a resourceVersion: "12x"; ` +
				`to reset it and skip existing Events, run: kubectl patch configmap --namespace brigade position --type=merge --patch '{"data":null}'`
			if err == nil || err.Error() != want {
				b.Errorf("Load = %v, want %s", err, want)
			}
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newBench(t))
		})
	}
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
