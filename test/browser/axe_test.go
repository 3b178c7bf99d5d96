package browser

import (
	"os"
)

// axe fails the test if axe-core finds something serious on the page as it
// is now.
func (b *browser) axe(where string) {
	b.t.Helper()
	if !value[bool](b, `typeof axe !== "undefined"`) {
		source, err := os.ReadFile("hack/ui/node_modules/axe-core/axe.min.js")
		if err != nil {
			b.t.Fatalf("%v: run `npm ci --ignore-scripts` in hack/ui", err)
		}
		value[bool](b, string(source)+"\n;true")
	}
	found := value[[]string](b, `axe.run({ resultTypes: ["violations"] }).then(r => r.violations
		.filter(v => ["serious", "critical"].includes(v.impact))
		.flatMap(v => v.nodes.map(n => v.id + ": " + n.target.join(" ") + ": " + n.failureSummary)))`)
	for _, violation := range found {
		b.t.Errorf("axe-core on %s: %s", where, violation)
	}
}
