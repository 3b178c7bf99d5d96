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

// ErrTaken means that the stored position is not what this Store last read or
// wrote: another gateway runs, or the cluster was restored from a backup. In both
// cases this gateway must load the stored position and continue from it.
var ErrTaken = errors.New("the stored position is not what this gateway wrote")

// ErrHistory means that the cluster's history went back: a resourceVersion is lower
// than one read before, because the cluster was restored from a backup.
var ErrHistory = errors.New("the cluster's history went back, because it was restored from a backup")

// Store stores positions in a ConfigMap. Each write has the resourceVersion of the
// last read or write, so that of two gateways that both act as leader only one can
// move the position. A Store is not safe for concurrent use.
type Store struct {
	configMaps corev1client.ConfigMapsGetter
	namespace  string
	name       string
	// held is the ConfigMap as last read or written, or nil.
	held *corev1.ConfigMap
	// unanswered are the positions of writes since then whose answer was lost. They
	// may have succeeded, so they are not from another gateway.
	unanswered []map[string]string
}

// maxUnanswered is the number of writes without an answer that are remembered. The
// oldest is forgotten first. If only that one succeeded, the next write is a
// conflict, and the gateway starts again and loses nothing.
const maxUnanswered = 16

// NewStore returns a Store for the ConfigMap with the given namespace and name.
func NewStore(configMaps corev1client.ConfigMapsGetter, namespace, name string) *Store {
	return &Store{configMaps: configMaps, namespace: namespace, name: name}
}

// Load reads the stored positions. There are none if the ConfigMap does not exist.
// A position that is not a resourceVersion is an *InvalidError.
func (s *Store) Load(ctx context.Context) (Positions, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	stored, err := s.configMaps.ConfigMaps(s.namespace).Get(ctx, s.name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		s.held, s.unanswered = nil, nil
		return Positions{}, nil
	case err != nil:
		return nil, fmt.Errorf("reading position from %s: %w", s, err)
	}
	s.held, s.unanswered = stored, nil
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

// Save writes the positions. Positions of other scopes stay, because those may be
// watched again. A ConfigMap that was deleted or emptied is written again, and
// its labels and annotations may change. ErrTaken means that the stored positions
// are not those that this Store wrote, and ErrHistory that they are older.
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
		if err = s.reload(ctx); err == nil {
			saved, err = s.write(ctx, next)
		}
	}
	switch {
	case errors.Is(err, ErrTaken), errors.Is(err, ErrHistory):
		return fmt.Errorf("saving position to %s: %w", s, err)
	case err != nil:
		s.doubt(next)
		return fmt.Errorf("saving position to %s: %w", s, err)
	}
	s.held, s.unanswered = saved, nil
	return nil
}

// write updates the positions in the held ConfigMap, or creates it. Its other data
// stays.
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

// conflicts reports whether a write failed because the ConfigMap is not the one
// held.
func conflicts(err error) bool {
	return apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err)
}

// reload holds the current ConfigMap if its positions are those that this Store
// wrote, or if it has none. Otherwise its error is ErrTaken. It is ErrHistory if the
// current ConfigMap is older than the one held.
func (s *Store) reload(ctx context.Context) error {
	stored, err := s.configMaps.ConfigMaps(s.namespace).Get(ctx, s.name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if s.held != nil && WentBack(s.held.ResourceVersion, stored.ResourceVersion) {
		return fmt.Errorf("%w: the ConfigMap was at resourceVersion %s, now at %s", ErrHistory, s.held.ResourceVersion, stored.ResourceVersion)
	}
	current := positionsIn(stored.Data)
	own := func(data map[string]string) bool { return maps.Equal(positionsIn(data), current) }
	if len(current) == 0 || s.held != nil && own(s.held.Data) || slices.ContainsFunc(s.unanswered, own) {
		s.held = stored
		return nil
	}
	return ErrTaken
}

// positionsIn returns the positions in the data of a ConfigMap.
func positionsIn(data map[string]string) map[string]string {
	positions := make(map[string]string, len(data))
	for key, value := range data {
		if _, ok := scopeOf(key); ok {
			positions[key] = value
		}
	}
	return positions
}

// doubt remembers the positions of a write without an answer.
func (s *Store) doubt(positions map[string]string) {
	for _, known := range s.unanswered {
		if maps.Equal(known, positions) {
			return
		}
	}
	s.unanswered = append(s.unanswered, positions)
	if len(s.unanswered) > maxUnanswered {
		s.unanswered = s.unanswered[1:]
	}
}

func (s *Store) String() string {
	return fmt.Sprintf("configmap %s/%s", s.namespace, s.name)
}

// InvalidError is the error of a stored position that is not a resourceVersion.
type InvalidError struct {
	Namespace, Name, Key, Value string
}

// Error includes the command that resets the position.
func (e *InvalidError) Error() string {
	return fmt.Sprintf("position in configmap %s/%s, key %q, is not a resourceVersion: %q; "+
		"to reset it and skip existing Events, run: kubectl patch configmap --namespace %s %s --type=merge --patch '{\"data\":null}'",
		e.Namespace, e.Name, e.Key, e.Value, e.Namespace, e.Name)
}
