package ui

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
)

var (
	accepted = filter.Verdict{Action: filter.Accept, By: "filters[0]"}
	rejected = filter.Verdict{By: filter.Default}
	faulted  = filter.Verdict{By: filter.Default, Faults: []filter.Fault{{By: "filters[0]"}}}
)

func TestStoreShedsRejectedEventsFirst(t *testing.T) {
	for name, tc := range map[string]struct {
		verdicts string // a, r or f for each Event
		held     string // the ids that stay
	}{
		"nothing while there is room":                         {"rararrarfr", "[1 2 3 4 5 6 7 8 9 10]"},
		"the oldest rejected one, with accepted ones between": {"arrrrrrrrrr", "[1 3 4 5 6 7 8 9 10 11]"},
		"rejected ones although accepted ones are older":      {"aaarrrrrrrrrrrr", "[1 2 3 9 10 11 12 13 14 15]"},
		"the oldest accepted one where few are rejected":      {"rraaaaaaaaaa", "[1 2 5 6 7 8 9 10 11 12]"},
		"accepted ones where there are no others":             {"aaaaaaaaaaaa", "[3 4 5 6 7 8 9 10 11 12]"},
		"faulted ones are kept like accepted ones":            {"frrrrrrrrrrf", "[1 4 5 6 7 8 9 10 11 12]"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(10, 1<<30)
			for i, v := range tc.verdicts {
				s.add(newEvent(i, "pequod", "web-0", "BackOff"), map[rune]filter.Verdict{'a': accepted, 'r': rejected, 'f': faulted}[v], noon)
			}
			var ids []int64
			all := s.since(0, 0)
			for _, x := range all.entries {
				ids = append(ids, x.id)
			}
			if fmt.Sprint(ids) != tc.held {
				t.Errorf("held %v, want %s", ids, tc.held)
			}
			if want := int64(len(tc.verdicts) - 10); all.shed != want || all.held != 10 {
				t.Errorf("%d held, %d shed, want 10 and %d", all.held, all.shed, want)
			}
			for id := int64(1); id <= int64(len(tc.verdicts)); id++ {
				x, ok := s.get(id)
				if want := strings.Contains(" "+strings.Trim(tc.held, "[]")+" ", fmt.Sprintf(" %d ", id)); ok != want || ok && x.id != id {
					t.Errorf("get(%d) = %v, want %v", id, ok, want)
				}
			}
		})
	}
}

func TestStoreGivesWhatIsNewInOrder(t *testing.T) {
	s := newStore(100, 1<<30)
	for i := range 20 {
		v := rejected
		if i%3 == 0 {
			v = accepted
		}
		s.add(newEvent(i, "pequod", "web-0", "BackOff"), v, noon)
	}
	var ids []int64
	for _, x := range s.since(12, 5).entries {
		ids = append(ids, x.id)
	}
	if fmt.Sprint(ids) != "[13 14 15 16 17]" {
		t.Errorf("%v", ids)
	}
	if n := len(s.since(20, 5).entries); n != 0 {
		t.Errorf("%d entries after the last", n)
	}
}

func TestStoreKeepsNoManagedFields(t *testing.T) {
	s := newStore(10, 1<<30)
	e := newEvent(1, "pequod", "web-0", "BackOff")
	e.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubelet"}}
	s.add(e, rejected, noon)
	x, _ := s.get(1)
	if len(x.event.ManagedFields) != 0 || len(e.ManagedFields) != 1 {
		t.Error("managedFields are kept, or were taken from the caller's Event")
	}
}

// The daemon's promise: the page takes less than 16 MiB, whatever the Events
// are like. The garbage collector lets the heap grow to twice what is live.
func TestStoreStaysWithin16MiB(t *testing.T) {
	for name, newOne := range map[string]func(i int) *corev1.Event{
		"many small Events": func(i int) *corev1.Event { return newEvent(i, "pequod", fmt.Sprintf("web-%d", i), "BackOff") },
		"large messages": func(i int) *corev1.Event {
			e := newEvent(i, "pequod", "web-0", "BackOff")
			e.Message = strings.Repeat(string(rune('a'+i%26)), 16<<10)
			return e
		},
		"many annotations": func(i int) *corev1.Event {
			e := newEvent(i, "pequod", "web-0", "BackOff")
			e.Annotations = map[string]string{}
			for k := range 50 {
				e.Annotations[fmt.Sprintf("key-%d-%d", i, k)] = fmt.Sprintf("value-%d", k)
			}
			return e
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := heap()
			s := newStore(DefaultMaxEvents, DefaultMaxBytes)
			for i := range 3 * DefaultMaxEvents {
				v := rejected
				if i%10 == 0 {
					v = accepted
				}
				s.add(newOne(i), v, noon)
			}
			if live := heap() - before; live > 8<<20 {
				t.Errorf("%d KiB are live, want at most 8 MiB", live>>10)
			}
			runtime.KeepAlive(s)
		})
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
