package position

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

const (
	// saveEvery is how often a position that moved is stored. What was done
	// since is done again after a crash, and found to exist.
	saveEvery = 3 * time.Second
	// checkEvery is how often a position that did not move is written all the
	// same, which costs the API server a comparison, to notice within a minute
	// that the ConfigMap was deleted, emptied or restored.
	checkEvery = 30 * time.Second
	// lastTimeout is how long the last save may take.
	lastTimeout = 5 * time.Second
)

// Saver stores the positions of a running gateway.
type Saver struct {
	store *Store
	log   *slog.Logger
	// unsaved is since when saving has failed, in Unix nanoseconds, or 0.
	unsaved *atomic.Int64
	saved   Positions
	at      time.Time
}

// NewSaver returns a Saver that saves to the given Store. unsaved is set to
// the time, in Unix nanoseconds, since which saving has failed, or 0.
func NewSaver(store *Store, log *slog.Logger, unsaved *atomic.Int64) *Saver {
	return &Saver{store: store, log: log, unsaved: unsaved}
}

// Save stores the positions now. It is called by the goroutine that calls Run,
// or before or after it.
func (s *Saver) Save(ctx context.Context, positions Positions) error {
	err := s.store.Save(ctx, positions)
	switch {
	case err == nil:
		s.unsaved.Store(0)
		s.saved, s.at = maps.Clone(positions), time.Now()
	case ctx.Err() == nil:
		s.unsaved.CompareAndSwap(0, time.Now().UnixNano())
	}
	return err
}

// Run stores what positions returns while it moves, until ctx ends. Its error
// is ErrTaken.
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
		case errors.Is(err, ErrTaken):
			return err
		case err != nil && ctx.Err() == nil:
			sometimes.Do(func() {
				s.log.Error("saving position failed, retrying", "store", s.store.String(), "err", err,
					"hint", "until it succeeds, what is accepted now is lost if the gateway ends; check the right to get, update and create the ConfigMap")
			})
		}
	}
}

// SaveFinal stores the positions at the end, whether they moved or not.
func (s *Saver) SaveFinal(ctx context.Context, positions Positions) {
	ctx, cancel := context.WithTimeout(ctx, lastTimeout)
	defer cancel()
	if err := s.Save(ctx, positions); err != nil {
		s.log.Error("saving position at the end failed", "store", s.store.String(), "err", err)
	}
}
