package source

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/position"
	"github.com/brigadecore/brigade-k8s-gateway/test/bubbletest"
)

// run runs a Source in a bubble. It returns how often synced was called, what Run
// returned, and a function that stops it.
func run(t *testing.T, r *reading) (synced *int, ended <-chan error, stop func()) {
	t.Helper()
	synced = new(int)
	result := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { result <- r.Run(ctx, func() { *synced++ }) }()
	return synced, result, func() {
		cancel()
		synctest.Wait()
	}
}

// streams answers watches that begin with an empty list at the given version.
func streams(s *server, version string) {
	s.feed = newFeed()
	go func() {
		e := versioned("", version)
		e.Annotations = map[string]string{metav1.InitialEventsAnnotationKey: "true"}
		s.feed.events <- watch.Event{Type: watch.Bookmark, Object: e}
	}()
}

func TestSourceRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{answers: []answer{page("500", "")}}
		streams(s, "50")
		r := newReading(t, s, "10")
		synced, ended, stop := run(t, r)
		bubbletest.Pass(time.Second)
		if *synced != 1 || !r.isListed() {
			t.Errorf("synced %d times, listed: %t, want both", *synced, r.isListed())
		}
		s.feed.events <- watch.Event{Type: watch.Added, Object: accepted("a", "60")}
		bubbletest.Pass(time.Minute)
		r.wants("a@60")
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v, want nothing", err)
		}
		r.reported("watching") // that it was stopped is no fault
	})
}

func TestSourceConfirmsTheHistoryWhereItDidNotGoBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{answers: []answer{page("100", ""), {err: errors.New("no answer")}, page("100", ""), page("50", "")}}
		streams(s, "100")
		r := newReading(t, s, "100")
		_, ended, stop := run(t, r)
		defer stop()
		for i, want := range []int{1, 1, 2, 2} {
			bubbletest.Pass(checkEvery)
			if begun, confirmed := r.confirmations(); begun != i+1 || confirmed != want {
				t.Errorf("%d checks began and %d confirmed the history, want %d and %d", begun, confirmed, i+1, want)
			}
		}
		if err := <-ended; !errors.Is(err, position.ErrHistory) {
			t.Errorf("Run = %v, want ErrHistory", err)
		}
	})
}

func TestSourceEndsIfTheHistoryWentBack(t *testing.T) {
	const want = "the cluster's history went back, because it was restored from a backup: read up to resourceVersion 100, now at 50"
	tests := map[string]struct {
		answers []answer
		streams string
		within  time.Duration
	}{
		"at the end of a streamed list":  {nil, "50", time.Second},
		"at the periodic check":          {[]answer{page("50", "")}, "100", checkEvery + time.Second},
		"at the check after failed ones": {[]answer{{err: errors.New("no answer")}, page("100", ""), page("50", "")}, "100", 3*checkEvery + time.Second},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &server{answers: tc.answers}
				streams(s, tc.streams)
				r := newReading(t, s, "100")
				_, ended, stop := run(t, r)
				defer stop()
				bubbletest.Pass(tc.within)
				select {
				case err := <-ended:
					if !errors.Is(err, position.ErrHistory) || err.Error() != want {
						t.Errorf("Run = %v, want %s", err, want)
					}
				default:
					t.Errorf("Run continues for %s", tc.within)
				}
			})
		})
	}
}

// TestSourceChecksTheHistoryWhenAWatchBegins restores the cluster, which ends all watches.
func TestSourceChecksTheHistoryWhenAWatchBegins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{answers: []answer{page("50", "")}}
		streams(s, "100")
		r := newReading(t, s, "100")
		_, ended, stop := run(t, r)
		defer stop()
		bubbletest.Pass(5 * time.Second)
		s.mu.Lock()
		first := s.feed
		s.feed = newFeed()
		s.mu.Unlock()
		close(first.events)
		bubbletest.Pass(5 * time.Second)
		select {
		case err := <-ended:
			if !errors.Is(err, position.ErrHistory) {
				t.Errorf("Run = %v, want ErrHistory", err)
			}
		default:
			t.Error("Run continues")
		}
	})
}

func TestSourceListsInPagesIfListsAreNotStreamed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{
			answers: []answer{page("50", "next", accepted("a", "20")), page("50", "", accepted("b", "30"))},
			refuses: apierrors.NewInvalid(corev1.SchemeGroupVersion.WithKind("ListOptions").GroupKind(), "", nil),
		}
		r := newReading(t, s, "10")
		_, ended, stop := run(t, r)
		bubbletest.Pass(time.Second)
		r.wants("a@20", "b@30")
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v, want nothing", err)
		}
	})
}

func TestSourceEndsIfAListIsOfAnOlderHistory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{
			answers: []answer{page("50", "", accepted("a", "20"))},
			refuses: apierrors.NewInvalid(corev1.SchemeGroupVersion.WithKind("ListOptions").GroupKind(), "", nil),
		}
		r := newReading(t, s, "100")
		_, ended, stop := run(t, r)
		defer stop()
		bubbletest.Pass(time.Second)
		if err := <-ended; !errors.Is(err, position.ErrHistory) {
			t.Errorf("Run = %v, want ErrHistory", err)
		}
		r.wants()
	})
}
