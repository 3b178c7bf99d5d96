package position

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
)

// callTimeout is the deadline of one read or write of the ConfigMap.
const callTimeout = 15 * time.Second

// ErrTaken says that somebody else changed the ConfigMap since it was last
// read or written here: another gateway is at work, and this one is to stop.
var ErrTaken = errors.New("the position was written by another gateway")

// Store keeps positions in one ConfigMap. Every write names the
// resourceVersion of the last read or write, so that of two gateways that both
// think they lead only one can move the position. A Store is used by one
// goroutine at a time.
type Store struct {
	configMaps corev1client.ConfigMapsGetter
	namespace  string
	name       string
	// held is the ConfigMap as last read or written, nil where there is none.
	held *corev1.ConfigMap
	// unsure holds what was written since without an answer that it was. The
	// writes may have been carried out, and are not another gateway's then.
	unsure []map[string]string
}

// maxUnsure bounds what a Store remembers of writes without an answer. The
// oldest is forgotten first; if just that one was carried out, the next write
// is taken for a conflict, which costs a new start and loses nothing.
const maxUnsure = 16

// NewStore returns a Store for the ConfigMap with the given namespace and name.
func NewStore(configMaps corev1client.ConfigMapsGetter, namespace, name string) *Store {
	return &Store{configMaps: configMaps, namespace: namespace, name: name}
}

// Load reads the stored positions, none where the ConfigMap does not exist. A
// position that is no resourceVersion is an InvalidError.
func (s *Store) Load(ctx context.Context) (Positions, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	stored, err := s.configMaps.ConfigMaps(s.namespace).Get(ctx, s.name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		s.held, s.unsure = nil, nil
		return Positions{}, nil
	case err != nil:
		return nil, fmt.Errorf("reading position from %s: %w", s, err)
	}
	s.held, s.unsure = stored, nil
	positions := Positions{}
	for _, key := range slices.Sorted(maps.Keys(stored.Data)) {
		scope, ok := scopeOf(key)
		if !ok {
			continue
		}
		if !wellFormed(stored.Data[key]) {
			return nil, &InvalidError{Namespace: s.namespace, Name: s.name, Key: key, Value: stored.Data[key]}
		}
		positions[scope] = stored.Data[key]
	}
	return positions, nil
}

// Save writes the positions, in place of all that were stored before. A
// ConfigMap that was deleted is made anew. ErrTaken says that another gateway
// wrote it.
func (s *Store) Save(ctx context.Context, positions Positions) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	data := map[string]string{}
	for scope, version := range positions {
		data[scope.key()] = version
	}
	saved, err := s.write(ctx, data)
	if taken(err) && len(s.unsure) > 0 {
		if err = s.recall(ctx); err == nil {
			saved, err = s.write(ctx, data)
		}
	}
	switch {
	case taken(err):
		return fmt.Errorf("saving position to %s: %w", s, ErrTaken)
	case err != nil:
		s.doubt(data)
		return fmt.Errorf("saving position to %s: %w", s, err)
	}
	s.held, s.unsure = saved, nil
	return nil
}

// write replaces the data of the ConfigMap that is held, or creates it.
func (s *Store) write(ctx context.Context, data map[string]string) (*corev1.ConfigMap, error) {
	client := s.configMaps.ConfigMaps(s.namespace)
	if s.held != nil {
		next := s.held.DeepCopy()
		next.Data = data
		saved, err := client.Update(ctx, next, metav1.UpdateOptions{})
		if !apierrors.IsNotFound(err) {
			return saved, err
		}
	}
	next := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: s.name}, Data: data}
	if s.held != nil { // it was deleted: make it as it was
		next.Labels, next.Annotations = s.held.Labels, s.held.Annotations
	}
	return client.Create(ctx, next, metav1.CreateOptions{})
}

// taken tells whether a write met a ConfigMap that is not the one held.
func taken(err error) bool {
	return apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err)
}

// recall holds the ConfigMap that is there if it says what was written here
// without an answer, and returns the conflict it is otherwise.
func (s *Store) recall(ctx context.Context) error {
	stored, err := s.configMaps.ConfigMaps(s.namespace).Get(ctx, s.name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	for _, data := range s.unsure {
		if maps.Equal(stored.Data, data) {
			s.held = stored
			return nil
		}
	}
	return apierrors.NewConflict(corev1.Resource("configmaps"), s.name, ErrTaken)
}

// doubt remembers data as written without an answer.
func (s *Store) doubt(data map[string]string) {
	for _, known := range s.unsure {
		if maps.Equal(known, data) {
			return
		}
	}
	s.unsure = append(s.unsure, data)
	if len(s.unsure) > maxUnsure {
		s.unsure = s.unsure[1:]
	}
}

// String names the ConfigMap.
func (s *Store) String() string {
	return fmt.Sprintf("configmap %s/%s", s.namespace, s.name)
}

// InvalidError says that a stored position cannot be read.
type InvalidError struct {
	Namespace, Name, Key, Value string
}

// Error names the ConfigMap and says how to reset it.
func (e *InvalidError) Error() string {
	return fmt.Sprintf("position in configmap %s/%s, key %q, is not a resourceVersion: %q; "+
		"to start without it, skipping the Events that are there, run: kubectl patch configmap --namespace %s %s --type=merge --patch '{\"data\":null}'",
		e.Namespace, e.Name, e.Key, e.Value, e.Namespace, e.Name)
}
