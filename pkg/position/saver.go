package position

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

const (
	// saveEvery is the interval in which a position that moved is saved. After a
	// crash, builds since then are created again and found to exist.
	saveEvery = 3 * time.Second
	// checkEvery is the interval in which a position that did not move is saved
	// too, to notice within a minute that the ConfigMap was deleted, emptied or
	// restored. The API server does not store an update that changes nothing.
	checkEvery = 30 * time.Second
	// finalTimeout is the deadline of the final save.
	finalTimeout = 5 * time.Second
)

// Saver saves the positions of a running gateway.
type Saver struct {
	store *Store
	log   *slog.Logger
	// unsaved is the time since which saving has failed, in Unix nanoseconds, or 0.
	unsaved *atomic.Int64
	at      time.Time

	mu    sync.Mutex
	saved Positions
	// confirmed are the positions of saves after which the history was found not
	// to have gone back.
	confirmed Positions
}

// NewSaver returns a Saver that saves to the given Store. unsaved is set to
// the time, in Unix nanoseconds, since which saving has failed, or 0.
func NewSaver(store *Store, log *slog.Logger, unsaved *atomic.Int64) *Saver {
	return &Saver{store: store, log: log, unsaved: unsaved, confirmed: Positions{}}
}

// Save saves the positions now. It must not be called while Run runs.
func (s *Saver) Save(ctx context.Context, positions Positions) error {
	err := s.store.Save(ctx, positions)
	switch {
	case err == nil:
		s.unsaved.Store(0)
		s.at = time.Now()
		s.mu.Lock()
		s.saved = maps.Clone(positions)
		s.mu.Unlock()
	case ctx.Err() == nil:
		s.unsaved.CompareAndSwap(0, time.Now().UnixNano())
	}
	return err
}

// Confirmation returns what to call when it is known that the history of a scope
// has not gone back since now. It confirms the scope's position as saved now.
func (s *Saver) Confirmation(scope Scope) (confirm func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	saved, ok := s.saved[scope]
	return func() {
		if ok {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.confirmed[scope] = saved
		}
	}
}

// Confirmed returns the last positions that certainly belong to the history in
// which they are stored. Those saved since may be of an older one.
func (s *Saver) Confirmed() Positions {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.confirmed)
}

// Run saves the positions at intervals until ctx ends. Its error is ErrTaken or
// ErrHistory.
func (s *Saver) Run(ctx context.Context, positions func() Positions) error {
	sometimes := &rate.Sometimes{Interval: time.Minute}
	ticker := time.NewTicker(saveEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		now := positions()
		if maps.Equal(now, s.saved) && s.unsaved.Load() == 0 && time.Since(s.at) < checkEvery {
			continue
		}
		err := s.Save(ctx, now)
		switch {
		case errors.Is(err, ErrTaken), errors.Is(err, ErrHistory):
			return err
		case err != nil && ctx.Err() == nil:
			sometimes.Do(func() {
				s.log.Error("saving position failed, retrying", "store", s.store.String(), "err", err,
					"hint", "builds accepted while saving fails may be lost at a restart; check the RBAC rules to get, update and create the ConfigMap")
			})
		}
	}
}

// SaveFinal saves the positions at the end, also if they did not move.
func (s *Saver) SaveFinal(ctx context.Context, positions Positions) {
	ctx, cancel := context.WithTimeout(ctx, finalTimeout)
	defer cancel()
	if err := s.Save(ctx, positions); err != nil {
		s.log.Error("saving final position failed", "store", s.store.String(), "err", err)
	}
}
