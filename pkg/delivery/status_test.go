package delivery

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/limit"
	"github.com/brigadecore/brigade-k8s-gateway/test/bubbletest"
)

func TestStatusSaysWhatWaitsAndWhy(t *testing.T) {
	pace := limit.Limits{BuildsPerMinute: 6, Burst: 1, Queued: 100}
	flow := func(namespace string, n int) FlowLength {
		return FlowLength{limit.Flow{Project: "brigade-p", Namespace: namespace}, n}
	}
	for name, tc := range map[string]struct {
		limits limit.Limits
		// do adds builds at second 0, lets time pass, and leaves the queue as it is
		// looked at.
		do func(h *harness)
		// want has its times relative to the first build.
		want Status
		// oldest, since and until are seconds after it; -1 for none.
		oldest, since, until int
	}{
		"nothing waits": {
			pace, func(h *harness) { h.add("a/1"); synctest.Wait() },
			Status{Flows: []FlowLength{}},
			-1, -1, -1,
		},
		"the pace holds back until the next token": {
			pace, func(h *harness) {
				h.add("a/1", "a/2")
				bubbletest.Pass(4 * time.Second)
				h.add("b/1", "b/2")
				synctest.Wait()
			},
			Status{Waiting: 3, Flows: []FlowLength{flow("b", 2), flow("a", 1)}, Limit: "buildsPerMinute"},
			0, 0, 10,
		},
		"the oldest is another after the first was written": {
			pace, func(h *harness) {
				h.add("a/1", "a/2")
				bubbletest.Pass(4 * time.Second)
				h.add("b/1")
				bubbletest.Pass(7 * time.Second)
			},
			Status{Waiting: 1, Flows: []FlowLength{flow("b", 1)}, Limit: "buildsPerMinute"},
			4, 0, 20,
		},
		"paused builds wait for another file": {
			limit.Limits{BuildsPerMinute: 6, Burst: 1, Queued: 100, Paused: true},
			func(h *harness) { h.add("a/1"); synctest.Wait() },
			Status{Waiting: 1, Flows: []FlowLength{flow("a", 1)}, Limit: "paused"},
			0, 0, -1,
		},
		"writing fails": {
			wide(), func(h *harness) {
				h.sink.breakDown(func(Build) error { return apierrors.NewServiceUnavailable("etcd is down") })
				h.add("a/1")
				bubbletest.Pass(time.Second)
			},
			Status{Waiting: 1, Flows: []FlowLength{flow("a", 1)}, Failing: true},
			0, -1, -1,
		},
		"active builds have to end first": {
			limit.Limits{BuildsPerMinute: 600, Burst: 10, Queued: 100, ActiveBuilds: 1},
			func(h *harness) {
				h.Counted(time.Now())
				h.add("a/1")
				bubbletest.Pass(3 * time.Second)
				h.add("a/2")
				synctest.Wait()
			},
			Status{Waiting: 1, Flows: []FlowLength{flow("a", 1)}, Limit: "activeBuilds"},
			3, 3, -1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				h := newHarness(t, func(o *Options) { o.Limits = tc.limits })
				h.run()
				synctest.Wait()
				began := time.Now()
				tc.do(h)
				at := func(second int) time.Time {
					if second < 0 {
						return time.Time{}
					}
					return began.Add(time.Duration(second) * time.Second)
				}
				tc.want.Oldest, tc.want.Since, tc.want.Until = at(tc.oldest), at(tc.since), at(tc.until)
				if diff := cmp.Diff(tc.want, h.Status(time.Now())); diff != "" {
					t.Errorf("status (-want +got):\n%s", diff)
				}
				h.stop()
			})
		})
	}
}

func TestStatusOfDestinationsAddsUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSeveral(t, limit.Limits{BuildsPerMinute: 6, Burst: 1, Queued: 300})
		stop := s.start()
		began := time.Now()
		s.send("knative", "a/1", "a/2", "a/3")
		s.tekton.breakDown(func(Build) error { return &AttemptError{Reason: Network, Err: errors.New("refused")} })
		s.send("tekton", "c/1")
		bubbletest.Pass(time.Second)
		s.send("", "b/1", "b/2")
		synctest.Wait()
		status := s.all.Status(time.Now())
		if status.Waiting != 4 || !status.Oldest.Equal(began) || status.Limit != "buildsPerMinute" || !status.Failing || len(status.Flows) != 3 {
			t.Errorf("%+v", status)
		}
		want := []DestinationStatus{
			{Name: Brigade, Waiting: 1, Oldest: began.Add(time.Second), Limit: "buildsPerMinute"},
			{Name: "knative", Waiting: 2, Oldest: began, Limit: "buildsPerMinute"},
			{Name: "tekton", Waiting: 1, Oldest: began, Failing: true},
		}
		if diff := cmp.Diff(want, status.Destinations); diff != "" {
			t.Errorf("destinations (-want +got):\n%s", diff)
		}
		stop()
	})
}
