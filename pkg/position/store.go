package position

import (
	"cmp"
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

	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
)

// callTimeout is the deadline of one read or write of the ConfigMap.
const callTimeout = 15 * time.Second

// ErrTaken says that the stored position is not what was last read or written
// here: another gateway is at work, or the cluster was restored from a backup.
// Either way this gateway must go on from what is stored.
var ErrTaken = errors.New("the stored position is not what this gateway wrote")

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
		value := stored.Data[key]
		switch {
		case value == nothingDone:
			positions[scope] = ""
		case event.IsVersion(value):
			positions[scope] = value
		default:
			return nil, &InvalidError{Namespace: s.namespace, Name: s.name, Key: key, Value: value}
		}
	}
	return positions, nil
}

// Save writes the positions. What is stored of other scopes stays: they may be
// watched again. A ConfigMap that was deleted is created again, one that was
// emptied is filled again, and labels and annotations may change as they like.
// ErrTaken says that the stored positions are not those that were written here.
func (s *Store) Save(ctx context.Context, positions Positions) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	next := map[string]string{}
	if s.held != nil {
		next = positionsIn(s.held.Data)
	}
	for scope, version := range positions {
		next[scope.key()] = cmp.Or(version, nothingDone)
	}
	saved, err := s.write(ctx, next)
	if conflicts(err) {
		if err = s.recall(ctx); err == nil {
			saved, err = s.write(ctx, next)
		}
	}
	switch {
	case errors.Is(err, ErrTaken):
		return fmt.Errorf("saving position to %s: %w", s, err)
	case err != nil:
		s.doubt(next)
		return fmt.Errorf("saving position to %s: %w", s, err)
	}
	s.held, s.unsure = saved, nil
	return nil
}

// write puts positions into the ConfigMap that is held, or creates it. What else
// is in it stays.
func (s *Store) write(ctx context.Context, positions map[string]string) (*corev1.ConfigMap, error) {
	client := s.configMaps.ConfigMaps(s.namespace)
	created := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: s.name}, Data: positions}
	if s.held != nil {
		next := s.held.DeepCopy()
		if next.Data == nil {
			next.Data = map[string]string{}
		}
		maps.Copy(next.Data, positions)
		saved, err := client.Update(ctx, next, metav1.UpdateOptions{})
		if !apierrors.IsNotFound(err) {
			return saved, err
		}
		// It was deleted: create it as it was.
		created.Labels, created.Annotations, created.Data = next.Labels, next.Annotations, next.Data
	}
	return client.Create(ctx, created, metav1.CreateOptions{})
}

// conflicts reports whether a write met a ConfigMap that is not the one held.
func conflicts(err error) bool {
	return apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err)
}

// recall holds the ConfigMap that is there if its positions are those that were
// written here, or if it has none. ErrTaken says that they are others.
func (s *Store) recall(ctx context.Context) error {
	stored, err := s.configMaps.ConfigMaps(s.namespace).Get(ctx, s.name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	there := positionsIn(stored.Data)
	own := func(data map[string]string) bool { return maps.Equal(positionsIn(data), there) }
	if len(there) == 0 || s.held != nil && own(s.held.Data) || slices.ContainsFunc(s.unsure, own) {
		s.held = stored
		return nil
	}
	return ErrTaken
}

// positionsIn returns what of a ConfigMap's data is positions.
func positionsIn(data map[string]string) map[string]string {
	positions := make(map[string]string, len(data))
	for key, value := range data {
		if _, ok := scopeOf(key); ok {
			positions[key] = value
		}
	}
	return positions
}

// doubt remembers positions as written without an answer.
func (s *Store) doubt(positions map[string]string) {
	for _, known := range s.unsure {
		if maps.Equal(known, positions) {
			return
		}
	}
	s.unsure = append(s.unsure, positions)
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
