package position

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/brigadecore/brigade-k8s-gateway/test/bubbletest"
)

// saverTest runs a Saver.
type saverTest struct {
	*bench
	saver   *Saver
	unsaved atomic.Int64
	output  bytes.Buffer
	now     atomic.Pointer[string]
	writes  atomic.Int32
	// ended receives what Run returned.
	ended  chan error
	cancel context.CancelFunc
}

// withSaver runs test, in a bubble, with a Saver of one scope at position 10.
func withSaver(t *testing.T, test func(k *saverTest)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := &saverTest{bench: newBench(t), ended: make(chan error, 1)}
		k.saver = NewSaver(k.store, slog.New(slog.NewTextHandler(&k.output, nil)), &k.unsaved)
		k.at("10")
		k.must(k.saver.Save(t.Context(), k.positions()))
		k.breakDown(func(verb string) (before, after error) {
			if verb != "get" {
				k.writes.Add(1)
			}
			return nil, nil
		})
		var ctx context.Context
		ctx, k.cancel = context.WithCancel(t.Context())
		go func() { k.ended <- k.saver.Run(ctx, k.positions) }()
		test(k)
		k.cancel()
		synctest.Wait()
	})
}

func (k *saverTest) positions() Positions { return Positions{AllNamespaces: *k.now.Load()} }

func (k *saverTest) at(version string) { k.now.Store(&version) }

func TestSaverSavesAPositionThatMoves(t *testing.T) {
	withSaver(t, func(k *saverTest) {
		k.at("11")
		bubbletest.Pass(saveEvery)
		k.want("11")
		k.at("12")
		bubbletest.Pass(saveEvery)
		k.want("12")
		if n := k.writes.Load(); n != 2 {
			k.Errorf("%d writes, want 2", n)
		}
	})
}

func TestSaverLooksAfterAPositionThatDoesNotMove(t *testing.T) {
	withSaver(t, func(k *saverTest) {
		bubbletest.Pass(10 * time.Minute)
		if n := k.writes.Load(); n < 10 || n > 20 {
			k.Errorf("%d writes in ten minutes, want one or two a minute", n)
		}
		k.remove()
		bubbletest.Pass(time.Minute)
		k.want("10")
		k.edit(func(c *corev1.ConfigMap) { c.Data = nil })
		bubbletest.Pass(time.Minute)
		k.want("10")
	})
}

func TestSaverSaysSinceWhenSavingFails(t *testing.T) {
	withSaver(t, func(k *saverTest) {
		bubbletest.Pass(time.Second)
		k.breakDown(func(string) (error, error) {
			return apierrors.NewForbidden(corev1.Resource("configmaps"), "position", errors.New("no right to update")), nil
		})
		k.at("11")
		bubbletest.Pass(saveEvery)
		since := k.unsaved.Load()
		if since == 0 || time.Since(time.Unix(0, since)) > saveEvery {
			k.Errorf("unsaved since %d, want the first failure", since)
		}
		bubbletest.Pass(10 * time.Minute)
		if k.unsaved.Load() != since {
			k.Error("unsaved is no longer since the first failure")
		}
		if n := strings.Count(k.output.String(), `level=ERROR msg="saving position failed, retrying" store="configmap brigade/position" err="saving position to configmap brigade/position: `); n < 9 || n > 11 {
			k.Errorf("%d lines in ten minutes, want one a minute:\n%s", n, k.output.String())
		}
		k.breakDown(nil)
		bubbletest.Pass(saveEvery)
		k.want("11")
		if k.unsaved.Load() != 0 {
			k.Error("unsaved is not cleared by a save")
		}
	})
}

func TestSaverEndsWhenThePositionIsTaken(t *testing.T) {
	withSaver(t, func(k *saverTest) {
		k.another()
		k.at("11")
		bubbletest.Pass(saveEvery)
		select {
		case err := <-k.ended:
			if !errors.Is(err, ErrTaken) {
				k.Errorf("Run = %v, want ErrTaken", err)
			}
		default:
			k.Error("Run continues although another gateway wrote the position")
		}
		k.want("20")
	})
}

func TestSaverEndsWithoutAnError(t *testing.T) {
	withSaver(t, func(k *saverTest) {
		k.cancel()
		if err := <-k.ended; err != nil {
			k.Errorf("Run = %v, want nothing", err)
		}
	})
}

func TestTheLastSaveIsUnconditional(t *testing.T) {
	withSaver(t, func(k *saverTest) {
		k.cancel()
		k.must(<-k.ended)
		k.remove()
		k.saver.SaveFinal(k.Context(), k.positions()) // nothing has moved
		k.want("10")
		k.breakDown(func(string) (error, error) { return errLost, nil })
		k.saver.SaveFinal(k.Context(), k.positions())
		if want := `level=ERROR msg="saving final position failed" store="configmap brigade/position" err="saving position to configmap brigade/position: unexpected EOF"`; !strings.Contains(k.output.String(), want) {
			k.Errorf("the log does not say %s:\n%s", want, k.output.String())
		}
	})
}

func TestASaveIsConfirmedByACheckThatBeganAfterIt(t *testing.T) {
	withSaver(t, func(k *saverTest) {
		begun := k.saver.Confirmation(AllNamespaces)
		other := k.saver.Confirmation("pequod") // nothing is saved of it
		k.at("11")
		bubbletest.Pass(saveEvery)
		k.want("11")
		wants := func(want Positions) {
			k.Helper()
			if got := k.saver.Confirmed(); !maps.Equal(got, want) {
				k.Errorf("confirmed %v, want %v", got, want)
			}
		}
		wants(Positions{})
		begun()
		other()
		wants(Positions{AllNamespaces: "10"})
		k.saver.Confirmation(AllNamespaces)()
		wants(Positions{AllNamespaces: "11"})
	})
}
