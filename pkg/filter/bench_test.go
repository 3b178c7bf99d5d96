package filter

import (
	"fmt"
	"testing"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/event/eventtest"
)

// BenchmarkDecide measures a decision where only the last filter matches. On two
// cores of a server of 2026, 100 filters of words or prefixes must take less than
// 100 ns and allocate nothing, and an expression less than 5 µs. The rows with
// lists, except and groupBy are beside those without, which must not pay for them.
func BenchmarkDecide(b *testing.B) {
	kinds := map[string]func(i int) Rule{
		"kind and namespace": func(i int) Rule { return Rule{Kind: []string{"Pod"}, Namespace: []string{fmt.Sprintf("team-%d", i)}} },
		"all but the reason match": func(i int) Rule {
			return Rule{Kind: []string{"Pod"}, Namespace: []string{"pequod"}, Reasons: []string{fmt.Sprintf("Reason%d", i), "Killing"}}
		},
		"scope": func(i int) Rule {
			return Rule{Kind: []string{"Node"}, Scope: ClusterScope, Reasons: []string{fmt.Sprintf("Reason%d", i)}}
		},
		"prefix globs":  func(i int) Rule { return Rule{Kind: []string{"Pod"}, Name: []string{fmt.Sprintf("web-%d-*", i)}} },
		"ending globs":  func(i int) Rule { return Rule{Kind: []string{"Pod"}, Name: []string{fmt.Sprintf("*-%d-??", i)}} },
		"general globs": func(i int) Rule { return Rule{Kind: []string{"Pod"}, Name: []string{fmt.Sprintf("*-%d-*-??", i)}} },
		"kind and namespace, lists": func(i int) Rule {
			return Rule{Kind: []string{"Job", "Pod"}, Namespace: []string{fmt.Sprintf("team-%d", i), fmt.Sprintf("group-%d", i)}}
		},
		"kind and namespace, except": func(i int) Rule {
			return Rule{Kind: []string{"Pod"}, Namespace: []string{fmt.Sprintf("team-%d", i)}, Except: &Except{Reasons: []string{"Killing"}}}
		},
		"kind, except that applies": func(int) Rule {
			return Rule{Kind: []string{"Pod"}, Except: &Except{Namespace: []string{"pequod"}}}
		},
		"kind and namespace, groupBy": func(i int) Rule {
			return Rule{Kind: []string{"Pod"}, Namespace: []string{fmt.Sprintf("team-%d", i)}, Action: Accept, OncePer: OncePer{Window: MinWindow, GroupBy: Group(0).All()}}
		},
	}
	for name, rule := range kinds {
		for _, n := range []int{1, 10, 100, 1000} {
			b.Run(fmt.Sprintf("%s/%d filters", name, n), func(b *testing.B) {
				rules := make([]Rule, n)
				for i := range rules {
					rules[i] = rule(i)
				}
				rules[n-1] = Rule{Kind: []string{"Pod"}, Action: Accept}
				decideRepeatedly(b, rules)
			})
		}
	}
}

// BenchmarkExpression shows what one CEL filter costs.
func BenchmarkExpression(b *testing.B) {
	for name, text := range map[string]string{
		"count":        `count >= 5`,
		"field":        `event.involvedObject.kind == "Pod"`,
		"two fields":   `event.involvedObject.kind == "Pod" && event.reason in ["BackOff", "Failed"]`,
		"regex":        `event.message.matches("^Back-off .* container")`,
		"hours":        `occurred.getHours("Europe/Berlin") < 24`,
		"since first":  `occurred - event.firstTimestamp >= duration("10m")`,
		"string calls": `event.involvedObject.name.split("-")[0] == "web" && event.message.lowerAscii().contains("restart")`,
	} {
		b.Run(name, func(b *testing.B) {
			decideRepeatedly(b, []Rule{{Expression: text, Action: Accept}})
		})
	}
}

// decideRepeatedly measures Decide on an Event that the last of rules accepts.
func decideRepeatedly(b *testing.B, rules []Rule) {
	b.Helper()
	list, err := Compile(rules)
	if err != nil {
		b.Fatal(err)
	}
	e := eventtest.BackOff()
	b.ReportAllocs()
	for b.Loop() {
		if v := list.Decide(e); v.Action != Accept || v.Faults != nil {
			b.Fatalf("%+v", v)
		}
	}
}
