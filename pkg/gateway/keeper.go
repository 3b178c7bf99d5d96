package gateway

import (
	"context"
	"errors"
	"maps"
	"time"

	"golang.org/x/time/rate"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
)

const (
	// saveEvery is how often a position that moved is stored. What was done
	// since is done again after a crash, and found to exist.
	saveEvery = 3 * time.Second
	// stopTimeout is how long the last save of the position may take.
	stopTimeout = 5 * time.Second
)

// positions returns the position of each scope that has one.
func (p *pipeline) positions() position.Positions {
	all := position.Positions{}
	for _, scope := range p.Scopes {
		at := p.floors.Of(scope) // where the pipeline was stopped before it began
		if tracker, began := p.trackers[scope]; began {
			at = tracker.Position()
		}
		if at != "" {
			all[scope] = at
		}
	}
	return all
}

// save stores the positions if they moved.
func (p *pipeline) save(ctx context.Context) error {
	now := p.positions()
	if maps.Equal(now, p.saved) {
		return nil
	}
	if err := p.store.Save(ctx, now); err != nil {
		return err
	}
	p.saved = now
	return nil
}

// keepSaving stores the positions while they move, notes for how long they do
// not, and fails the pipeline when another gateway has stored them.
func (p *pipeline) keepSaving(ctx context.Context, fail context.CancelCauseFunc) {
	defer p.metrics.held.Store(0)
	say := &rate.Sometimes{Interval: time.Minute}
	ticker := time.NewTicker(saveEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		p.noteAge(time.Now())
		if p.store == nil {
			continue
		}
		err := p.save(ctx)
		switch {
		case errors.Is(err, position.ErrTaken):
			fail(err)
			return
		case err != nil && ctx.Err() == nil:
			say.Do(func() {
				p.Log.Warn("position not saved, trying again", "err", err, "hint", hint(err))
			})
		}
	}
}

// noteAge notes since when the position is held: since the last time that it
// was seen to move, or to have nothing that it waits for.
func (p *pipeline) noteAge(now time.Time) {
	outstanding := 0
	for _, tracker := range p.trackers {
		outstanding += tracker.Outstanding()
	}
	at := p.positions()
	switch {
	case outstanding == 0:
		p.metrics.held.Store(0)
	case p.metrics.held.Load() == 0 || !maps.Equal(at, p.seen):
		p.metrics.held.Store(now.UnixNano())
	}
	p.seen = at
}

// saveLast stores the positions when everything has stopped.
func (p *pipeline) saveLast(ctx context.Context) {
	if p.store == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	if err := p.save(ctx); err != nil {
		p.Log.Warn("position not saved at the end: what was built since is found to exist at the next start", "err", err)
	}
}
