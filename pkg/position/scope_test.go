package position

import (
	"maps"
	"testing"
)

func TestPositionsOf(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		positions Positions
		scope     Scope
		want      string
		found     bool
	}{
		"a scope's own position":                                    {Positions{"a": "10", "b": "5"}, "a", "10", true},
		"a scope that was never watched starts from the lowest":     {Positions{"a": "10", "b": "9"}, "c", "9", true},
		"all namespaces after single ones, from the lowest":         {Positions{"a": "10", "b": "100"}, AllNamespaces, "10", true},
		"a watched scope in which nothing is done takes no other's": {Positions{"a": "", "b": "9"}, "a", "", true},
		"where nothing is done in one scope, a new one starts so":   {Positions{"a": "", "b": "9"}, "c", "", true},
		"nothing is stored, and nothing is found":                   {Positions{}, "a", "", false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, found := tc.positions.Of(tc.scope); got != tc.want || found != tc.found {
				t.Errorf("Of(%s) = %q, %t, want %q, %t", tc.scope, got, found, tc.want, tc.found)
			}
		})
	}
}

func TestScopesAndTheirKeys(t *testing.T) {
	t.Parallel()
	for scope, want := range map[Scope]struct{ key, name string }{
		AllNamespaces:    {"all-namespaces", "all namespaces"},
		"pequod":         {"namespace.pequod", "namespace pequod"},
		"all-namespaces": {"namespace.all-namespaces", "namespace all-namespaces"},
	} {
		if scope.key() != want.key || scope.String() != want.name {
			t.Errorf("key %q and name %q, want %q and %q", scope.key(), scope, want.key, want.name)
		}
		if back, ok := scopeOf(want.key); !ok || back != scope {
			t.Errorf("key %q is of scope %q, %t, want %q", want.key, back, ok, scope)
		}
	}
	for _, key := range []string{"", "notes", "namespace.", "Namespace.x"} {
		if scope, ok := scopeOf(key); ok {
			t.Errorf("key %q is of scope %q, want none", key, scope)
		}
	}
}

func TestAhead(t *testing.T) {
	t.Parallel()
	if Ahead("9", "10") || Ahead("10", "10") || Ahead("", "1") || !Ahead("100", "99") {
		t.Error("Ahead does not compare as numbers")
	}
}

func TestWentBack(t *testing.T) {
	t.Parallel()
	if !WentBack("10", "9") || WentBack("9", "10") || WentBack("10", "10") {
		t.Error("WentBack does not compare as numbers")
	}
	if WentBack("", "1") || WentBack("10", "") || WentBack("b", "a") {
		t.Error("WentBack compares what is not a resourceVersion")
	}
}

func TestLower(t *testing.T) {
	t.Parallel()
	stored := Positions{"a": "100", "b": "9", "c": "50"}
	got := stored.Lower(Positions{"a": "99", "b": "10", "c": "", "d": "1"})
	if want := (Positions{"a": "99", "b": "9", "c": ""}); !maps.Equal(got, want) {
		t.Errorf("Lower = %v, want %v", got, want)
	}
	if stored["a"] != "100" {
		t.Error("Lower changes its receiver")
	}
	if got := stored.Lower(nil); !maps.Equal(got, stored) {
		t.Errorf("Lower of nothing = %v", got)
	}
}
