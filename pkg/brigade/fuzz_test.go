package brigade

import (
	"encoding/json"
	"regexp"
	"runtime"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/decide"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/delivery"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/event"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/filter"
	"github.com/brigadecore/brigade-k8s-gateway/pkg/identity"
)

const (
	// maxBuild is how many bytes the data of a build Secret may have, of the
	// 1 MiB that Kubernetes admits. A trimmed Event has some 60 KiB; JSON writes
	// six bytes for one that cannot be seen.
	maxBuild = 512 << 10
	// maxAllocated is how many bytes one Event may cost, expressions included.
	maxAllocated = 32 << 20
)

// FuzzBuild takes Events of any content all the way to the Secret: nothing
// panics, and what comes out is a name that Kubernetes admits, clean texts, an
// Event that reads back, and of bounded size.
func FuzzBuild(f *testing.F) {
	seed, err := json.Marshal(backOff())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(`{"involvedObject":{"kind":"$(A)\n","namespace":"pequod","name":"\u0000"},"reason":"\u202e$$(B)","message":"\u001b[2J"}`))
	f.Add([]byte(`{"metadata":{"namespace":"pequod","creationTimestamp":"0001-01-01T00:00:00Z"},"count":-1,"series":{"count":2147483647},
		"related":{"kind":"Pod","name":"brigade-worker-01ctbn8a9zqv4q1n6fsj6a0c3x"},"eventTime":"9999-12-31T23:59:59.999999Z"}`))
	filters, err := filter.Compile([]filter.Rule{
		{Namespace: []string{"kube-*"}, Reasons: []string{"*ed", "?ack*"}},
		{Expression: `event.message.split(" ").all(word, word.size() < 900 && word != "canary" && word != "soak" && word != "drill")`},
		{Kind: []string{"Node"}, Scope: filter.ClusterScope, Action: filter.Accept, Project: "p"},
		{Expression: `event.metadata.labels["team"] == "ahab" || occurred.getHours("Europe/Berlin") > count`, Action: filter.Accept, Project: "p"},
		{Action: filter.Accept, Project: "p"},
	})
	if err != nil {
		f.Fatal(err)
	}
	decider := decide.Decider{Filters: filters}
	f.Fuzz(func(t *testing.T, data []byte) {
		e := &corev1.Event{}
		if json.Unmarshal(data, e) != nil {
			return
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		event.Trim(e)
		verdict := decider.Decide(e)
		if steps := decider.Trace(e); len(steps) > 0 && steps[len(steps)-1].Matched && steps[len(steps)-1].By != verdict.By {
			t.Errorf("decided by %s, and explained by %s", verdict.By, steps[len(steps)-1].By)
		}
		for _, once := range []filter.OncePer{{}, {Occurrence: true}, {Window: 10 * time.Minute}} {
			checkBuild(t, e, identity.Of(identity.TargetOf("", ProjectID("p")), e, once))
		}
		runtime.ReadMemStats(&after)
		if allocated := after.TotalAlloc - before.TotalAlloc; allocated > maxAllocated {
			t.Errorf("%d bytes allocated for %d bytes of input", allocated, len(data))
		}
	})
}

// secretName matches the names of the gateway's builds.
var secretName = regexp.MustCompile(`^brigade-worker-[0-7][0-9a-hjkmnp-tv-z]{25}$`)

// checkBuild checks what must hold for the Secret of any build.
func checkBuild(t *testing.T, e *corev1.Event, id string) {
	t.Helper()
	build, err := newBuild(delivery.Build{ID: id, ProjectID: ProjectID("p"), CommitRef: "refs/heads/main", Event: e})
	if err != nil {
		return // refused, and said so
	}
	secret := Secret("brigade", build)
	if !secretName.MatchString(secret.Name) {
		t.Errorf("name %q", secret.Name)
	}
	checkClean(t, string(secret.Data["event_type"]), string(secret.Data["short_title"]), string(secret.Data["long_title"]))
	size := 0
	for _, value := range secret.Data {
		size += len(value)
	}
	if size > maxBuild {
		t.Errorf("%d bytes, more than %d", size, maxBuild)
	}
	if err := json.Unmarshal(secret.Data["payload"], &corev1.Event{}); err != nil {
		t.Errorf("the payload does not read back: %v", err)
	}
}
