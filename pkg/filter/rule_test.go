package filter

import "testing"

func TestActionReadsBackWhatItPrints(t *testing.T) {
	for _, a := range []Action{Reject, Accept} {
		if got, err := ParseAction(a.String()); got != a || err != nil {
			t.Errorf("%s: got %s, %v", a, got, err)
		}
	}
}

func TestParseActionRefuses(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"a misspelling":  {"acept", `unknown action "acept"; allowed are accept and reject`},
		"another case":   {"Accept", `unknown action "Accept"; allowed are accept and reject`},
		"nothing at all": {"", `unknown action ""; allowed are accept and reject`},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := ParseAction(test.text); err == nil || err.Error() != test.want || got != Reject {
				t.Errorf("got %s, %v", got, err)
			}
		})
	}
}
