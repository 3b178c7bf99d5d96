package limit

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// item waits in Flows: "a1" is the first of flow "a".
type item struct {
	flow string
	age  int
}

func (i *item) Flow() Flow { return Flow{Project: "p", Namespace: i.flow} }

func (i *item) Before(other *item) bool { return i.age < other.age }

func (i *item) String() string { return fmt.Sprint(i.flow, i.age) }

// items returns those with the given names, separated by spaces.
func items(names string) []*item {
	var all []*item
	for name := range strings.FieldsSeq(names) {
		i := &item{flow: name[:1]}
		if _, err := fmt.Sscan(name[1:], &i.age); err != nil {
			panic(err)
		}
		all = append(all, i)
	}
	return all
}

// waiting returns Flows in which the items with the given names wait.
func waiting(names string) *Flows[*item] {
	f := NewFlows[*item]()
	for _, i := range items(names) {
		f.Add(i)
	}
	return f
}

// drain takes everything that is awake.
func drain(f *Flows[*item]) string {
	var names []string
	for next, ok := f.Next(false); ok; next, ok = f.Next(false) {
		names = append(names, next.String())
	}
	return strings.Join(names, " ")
}

func TestFlowsTakeTurns(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		waits string
		steps func(f *Flows[*item])
		want  string
	}{
		"nothing waits":                             {"", nil, ""},
		"within a flow the oldest comes first":      {"a3 a1 a2", nil, "a1 a2 a3"},
		"flows take turns":                          {"a1 a2 a3 b4 b5 b6", nil, "a1 b4 a2 b5 a3 b6"},
		"turns go in the order of arrival":          {"c1 a2 b3 a4 c5", nil, "c1 a2 b3 c5 a4"},
		"an empty flow does not stop the others":    {"a1 b2 c3 c4 c5", nil, "a1 b2 c3 c4 c5"},
		"a quiet flow waits for one turn of others": {"a1 a2 a3 b4 b5 b6", func(f *Flows[*item]) { f.Next(false); f.Add(&item{"c", 99}) }, "b4 a2 c99 b5 a3 b6"},
		"a flow that was emptied comes last again":  {"a1 b2 c3", func(f *Flows[*item]) { f.Next(false); f.Add(&item{"a", 0}) }, "b2 c3 a0"},
		"the flow whose turn it is may be removed":  {"a1 b2 c3", func(f *Flows[*item]) { f.Remove(&item{"a", 1}) }, "b2 c3"},
		"a flow in the middle may be removed":       {"a1 b2 c3", func(f *Flows[*item]) { f.Remove(&item{"b", 2}) }, "a1 c3"},
		"the only one may be removed":               {"a1", func(f *Flows[*item]) { f.Remove(&item{"a", 1}) }, ""},
		"items asleep are skipped":                  {"a1 b3", func(f *Flows[*item]) { f.Sleep(&item{"a", 0}); f.Sleep(&item{"c", 2}) }, "a1 b3"},
		"a woken item comes in its order": {"a1 a3 b4", func(f *Flows[*item]) {
			f.Sleep(&item{"a", 0})
			f.Wake(&item{"a", 0})
		}, "a0 b4 a1 a3"},
		"items that never slept can be preferred": {"a2 a3 b4", func(f *Flows[*item]) {
			f.Sleep(&item{"a", 0})
			f.Wake(&item{"a", 0})
			f.Sleep(&item{"c", 1})
			f.Wake(&item{"c", 1})
			if next, _ := f.Next(true); next.String() != "a2" {
				panic(next)
			}
		}, "b4 c1 a0 a3"},
		"a flow that was all asleep has the last turn": {"b3 b4", func(f *Flows[*item]) {
			f.Sleep(&item{"a", 0})
			f.Wake(&item{"a", 0})
		}, "b3 a0 b4"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := waiting(tc.waits)
			if tc.steps != nil {
				tc.steps(f)
			}
			if got := drain(f); got != tc.want {
				t.Errorf("taken: %s\nwant:  %s", got, tc.want)
			}
		})
	}
}

func TestFlowsShedTheNewestOfTheLongest(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		waits, sleeps string
		preferred     string
		want          string
	}{
		"nothing waits": {"", "", "a", ""},
		"the newest, in whatever order they came":    {"a1 a3 a2", "", "a", "a3"},
		"of the longest flow, not of the one named":  {"a1 a2 a3 b9", "", "b", "a3"},
		"of flows of the same length the one named":  {"a1 a2 b3 b4", "", "a", "a2"},
		"also if it is the other one":                {"a1 a2 b3 b4", "", "b", "b4"},
		"an empty preferred flow has no effect":      {"a1", "", "c", "a1"},
		"items asleep count for the length":          {"a1 b5 b6", "a2 a3", "b", "a3"},
		"an item asleep is shed if it is the newest": {"a1", "a2", "a", "a2"},
		"and stays if it is not":                     {"a2", "a1", "a", "a2"},
		"also if all items are asleep":               {"", "a1 a2", "a", "a2"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := waiting(tc.waits)
			for _, i := range items(tc.sleeps) {
				f.Sleep(i)
			}
			before := f.Len()
			shed, ok := f.Shed(Flow{Project: "p", Namespace: tc.preferred})
			if !ok {
				if tc.want != "" || before != 0 {
					t.Errorf("nothing shed, want %s", tc.want)
				}
				return
			}
			if shed.String() != tc.want || f.Len() != before-1 || f.Remove(shed) {
				t.Errorf("shed %s of %d, %d left; want %s", shed, before, f.Len(), tc.want)
			}
		})
	}
}

func TestFlowsOfTwoProjectsAreTwo(t *testing.T) {
	t.Parallel()
	one, other := Flow{Project: "p", Namespace: "a"}, Flow{Project: "q", Namespace: "a"}
	if one == other || one.String() != "a (p)" || other.String() != "a (q)" {
		t.Errorf("flows %q and %q", one, other)
	}
}

// model is a simple implementation of Flows.
type model struct {
	// turns are the flows that are awake, in the order of their turns.
	turns         []string
	awake, asleep map[string][]*item
	woken         map[*item]bool
}

func (m *model) length(flow string) int { return len(m.awake[flow]) + len(m.asleep[flow]) }

func (m *model) add(i *item) {
	if len(m.awake[i.flow]) == 0 {
		m.turns = append(m.turns, i.flow)
	}
	m.awake[i.flow] = append(m.awake[i.flow], i)
}

// remove removes i, whether awake or asleep.
func (m *model) remove(i *item) {
	is := func(other *item) bool { return *other == *i }
	m.asleep[i.flow] = slices.DeleteFunc(m.asleep[i.flow], is)
	if !slices.ContainsFunc(m.awake[i.flow], is) {
		return
	}
	m.awake[i.flow] = slices.DeleteFunc(m.awake[i.flow], is)
	if len(m.awake[i.flow]) == 0 {
		m.turns = slices.DeleteFunc(m.turns, func(flow string) bool { return flow == i.flow })
	}
}

func (m *model) next(preferFresh bool) *item {
	if len(m.turns) == 0 {
		return nil
	}
	flow := m.turns[0]
	oldest := slices.MinFunc(m.awake[flow], func(a, b *item) int {
		if preferFresh && m.woken[a] != m.woken[b] {
			if m.woken[b] {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.age, b.age)
	})
	m.turns = append(m.turns[1:], flow)
	m.remove(oldest)
	return oldest
}

// all returns everything that waits.
func (m *model) all() []*item {
	var all []*item
	for flow := range m.awake {
		all = append(all, m.awake[flow]...)
	}
	for flow := range m.asleep {
		all = append(all, m.asleep[flow]...)
	}
	slices.SortFunc(all, func(a, b *item) int { return cmp.Compare(a.age, b.age) })
	return all
}

func (m *model) longest() int {
	longest := 0
	for _, i := range m.all() {
		longest = max(longest, m.length(i.flow))
	}
	return longest
}

// TestFlowsAgainstAModel applies the same random operations to Flows and to a model.
func TestFlowsAgainstAModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 3))
			f, m := NewFlows[*item](), &model{awake: map[string][]*item{}, asleep: map[string][]*item{}, woken: map[*item]bool{}}
			flows := 1 + rng.IntN(8)
			ages := rng.Perm(300)
			for _, age := range ages {
				fresh := &item{flow: string(rune('a' + rng.IntN(flows))), age: age}
				switch rng.IntN(9) {
				case 0, 1, 2:
					f.Add(fresh)
					m.add(fresh)
				case 3:
					f.Sleep(fresh)
					m.asleep[fresh.flow] = append(m.asleep[fresh.flow], fresh)
				case 4:
					for _, asleep := range m.all() {
						if !slices.Contains(m.asleep[asleep.flow], asleep) {
							continue
						}
						f.Wake(asleep)
						m.remove(asleep)
						m.add(asleep)
						m.woken[asleep] = true
						break
					}
				case 5, 6:
					preferFresh := rng.IntN(2) == 0
					want := m.next(preferFresh)
					if got, ok := f.Next(preferFresh); ok != (want != nil) || ok && got != want {
						t.Fatalf("took %v, want %v", got, want)
					}
				case 7:
					if all := m.all(); len(all) > 0 {
						i := all[rng.IntN(len(all))]
						if !f.Remove(i) || f.Remove(i) {
							t.Fatalf("%s was not removed once", i)
						}
						m.remove(i)
					}
				case 8:
					longest, own := m.longest(), m.length(fresh.flow)
					shed, ok := f.Shed(fresh.Flow())
					if !ok {
						if longest > 0 {
							t.Fatal("nothing shed")
						}
						continue
					}
					if m.length(shed.flow) != longest || own == longest && shed.flow != fresh.flow {
						t.Fatalf("shed %s of a flow of %d, the longest has %d; flow %s with %d was preferred", shed, m.length(shed.flow), longest, fresh.flow, own)
					}
					for _, other := range m.all() {
						if other.flow == shed.flow && other.age > shed.age {
							t.Fatalf("shed %s, %s is newer", shed, other)
						}
					}
					m.remove(shed)
				}
				compare(t, f, m)
			}
		})
	}
}

func compare(t *testing.T, f *Flows[*item], m *model) {
	t.Helper()
	if f.Len() != len(m.all()) || f.Awake() != (len(m.turns) > 0) {
		t.Fatalf("%d wait, awake: %t; want %d, awake: %t", f.Len(), f.Awake(), len(m.all()), len(m.turns) > 0)
	}
	if flow, length := f.Longest(); length != m.longest() || length > 0 && m.length(flow.Namespace) != length {
		t.Fatalf("the longest flow is %s with %d, want %d", flow, length, m.longest())
	}
	for flow, length := range f.Lengths() {
		if m.length(flow.Namespace) != length {
			t.Fatalf("%d wait in %s, want %d", length, flow, m.length(flow.Namespace))
		}
	}
}

// BenchmarkFlows takes the next of 1,000 flows and adds another.
func BenchmarkFlows(b *testing.B) {
	f := NewFlows[*item]()
	all := make([]*item, 10_000)
	for n := range all {
		all[n] = &item{flow: fmt.Sprint("namespace-", n%1000), age: n}
		f.Add(all[n])
	}
	age := len(all)
	b.ReportAllocs()
	for b.Loop() {
		next, _ := f.Next(false)
		next.age = age
		age++
		f.Add(next)
	}
}
