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
}

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
		s.held = nil
		return Positions{}, nil
	case err != nil:
		return nil, fmt.Errorf("reading position from %s: %w", s, err)
	}
	s.held = stored
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
	next := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: s.name}}
	if s.held != nil {
		next = s.held.DeepCopy()
	}
	next.Data = map[string]string{}
	for scope, version := range positions {
		next.Data[scope.key()] = version
	}
	saved, err := s.write(ctx, next)
	switch {
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err):
		return fmt.Errorf("saving position to %s: %w", s, ErrTaken)
	case err != nil:
		return fmt.Errorf("saving position to %s: %w", s, err)
	}
	s.held = saved
	return nil
}

func (s *Store) write(ctx context.Context, next *corev1.ConfigMap) (*corev1.ConfigMap, error) {
	client := s.configMaps.ConfigMaps(s.namespace)
	if s.held != nil {
		saved, err := client.Update(ctx, next, metav1.UpdateOptions{})
		if !apierrors.IsNotFound(err) {
			return saved, err
		}
		next.ResourceVersion, next.UID = "", ""
	}
	return client.Create(ctx, next, metav1.CreateOptions{})
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
		"to start without it, skipping the Events that are there, run: kubectl delete configmap --namespace %s %s",
		e.Namespace, e.Name, e.Key, e.Value, e.Namespace, e.Name)
}
