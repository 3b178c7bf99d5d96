package expression

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What users of other languages write, and what the error reports.
func TestSlipsInExpressions(t *testing.T) {
	for name, test := range map[string]struct {
		expression string
		want       string
	}{
		"the bare reason": {`reason == "BackOff"`, `0: undeclared reference to 'reason'; write event.reason
`},
		"the bare kind": {`kind == "Pod"`, `0: undeclared reference to 'kind'; write event.involvedObject.kind
`},
		"the bare namespace": {`namespace == "pequod"`, `0: reserved identifier: namespace; write event.involvedObject.namespace
`},
		"the bare name": {`name == "web-0"`, `0: undeclared reference to 'name'; write event.involvedObject.name
`},
		"the bare message": {`message.contains("x")`, `0: undeclared reference to 'message'; write event.message
`},
		"the bare type": {`type == "Warning"`, `5: type(type) == string is not defined; write event.type
`},
		"the bare involved object": {`involvedObject.kind == "Pod"`, `0: undeclared reference to 'involvedObject'; write event.involvedObject
`},
		"the bare time": {`lastTimestamp > occurred`, `0: undeclared reference to 'lastTimestamp'; write event.lastTimestamp
`},
		"the bare labels": {`labels.team == "x"`, `0: undeclared reference to 'labels'; write event.metadata.labels; these are the Event's own, an Event does not carry those of its object
`},
		"the key of the filter file": {`reasons == "BackOff"`, `0: undeclared reference to 'reasons'; write event.reason, for example event.reason in ["BackOff", "Failed"]
`},
		"one equals sign": {`event.reason = "b"`, `13: syntax error: unexpected '= '; write ==
`},
		"three equals signs": {`event.reason === "a"`, `15: syntax error: unexpected '= '; write ==
`},
		"the word and": {`event.reason == "a" and event.type == "b"`, `20: syntax error: unexpected 'and'; write &&
`},
		"the word AND": {`event.reason == "a" AND count > 1`, `20: syntax error: unexpected 'AND'; write &&
`},
		"the word or": {`event.reason == "a" or count > 1`, `20: syntax error: unexpected 'or'; write ||
`},
		"the word not": {`not event.reason == "a"`, `4: syntax error: unexpected 'event'; write !(…)
`},
		"the word not after an operator": {`count > 1 && not event.reason == "a"`, `17: syntax error: unexpected 'event'; write !(…)
`},
		"the operator of Ruby": {`event.reason =~ "x"`, `13: syntax error: unexpected '=~'; write matches("…"), for example event.message.matches("^Back-off")
`},
		"one ampersand": {`count > 1 & count < 3`, `10: syntax error: unexpected '& '; write &&
`},
		"one bar": {`count > 1 | count < 3`, `10: syntax error: unexpected '| '; write ||
`},
		"a duration and text": {`occurred - event.firstTimestamp > "10m"`, `32: duration > string is not defined; write duration("10m")
`},
		"a duration and a number": {`occurred - event.firstTimestamp > 600`, `32: duration > int is not defined; a duration has a unit; write duration("600s")
`},
		"a time less text": {`event.firstTimestamp > occurred - "10m"`, `32: timestamp - string is not defined; write duration("10m")
`},
		"a time and text": {`occurred > "2026-03-02"`, `9: timestamp > string is not defined; write timestamp("2026-03-02T09:00:00Z")
`},
		"a function in lower case": {`event.reason.startswith("x")`, `23: undeclared reference to 'startswith'; case matters; write startsWith(…)
`},
		"the includes of JavaScript": {`event.message.includes("x")`, `22: undeclared reference to 'includes'; write contains("…")
`},
		"the toLowerCase of JavaScript": {`event.message.toLowerCase() == "a"`, `25: undeclared reference to 'toLowerCase'; write lowerAscii()
`},
		"a length": {`event.message.length() > 5`, `20: undeclared reference to 'length'; write size()
`},
		"a length without parentheses": {`event.message.size > 5`, `14: type 'string' does not support field selection; write size()
`},
		"an invalid regular expression": {`event.message.matches("(")`, "22: not a regular expression of RE2: missing closing ): `(`\n"},
		"a regular expression of Perl":  {`event.message.matches("(?<=a)b")`, "22: not a regular expression of RE2: invalid named capture: `(?<=a)b`\n"},
		"labels of the object": {`has(event.involvedObject.labels)`, `25: undefined field 'labels'; an Event does not carry the labels of its object; event.involvedObject has apiVersion, fieldPath, kind, name, namespace, resourceVersion, uid
`},
		"a field of the object inside has": {`has(event.involvedObject.naem)`, `25: undefined field 'naem'; event.involvedObject has apiVersion, fieldPath, kind, name, namespace, resourceVersion, uid
`},
		"a word without quotes": {`event.reason == BackOff`, `16: undeclared reference to 'BackOff'; text is in quotes; write "BackOff"
`},
		"in and text": {`event.reason in "BackOff"`, `13: string in string is not defined; write in ["BackOff"], or event.message.contains("BackOff")
`},
		"a negation that binds too tightly": {`!event.reason == "a"`, `0: found no matching overload for '!_' applied to '(string)'; ! negates only what directly follows it; write a != b, or !(a == b)
`},
		"a bracket that is not closed": {`event.reason in ["a", "b"`, `25: syntax error: unexpected end of the expression; a ] is missing at the end
`},
		"a number in quotes": {`count >= "5"`, `6: int >= string is not defined; a number is written without quotes; write 5
`},
		"text and a number": {`event.reason == 5`, `13: string == int is not defined; text is in quotes; write "5"
`},
		"null": {`event.reason != null`, `13: string != null is not defined; no field of an Event is null; write != "", or has(…)
`},
		"a capital": {`event.Reason == "a"`, `6: undefined field 'Reason'; case matters; write event.reason
`},
		"Event with a capital": {`Event.reason == "a"`, `0: undeclared reference to 'Event'; write event
`},
		"the Event's own namespace": {`event.namespace == "x"`, `6: undefined field 'namespace'; write event.involvedObject.namespace
`},
		"now": {`occurred > now() - duration("1h")`, `14: undeclared reference to 'now'; an expression has no clock; compare with occurred or event.firstTimestamp
`},
		"contains as an operator": {`event.message contains "x"`, `14: syntax error: unexpected 'contains'; write .contains(…) directly after the text, for example event.message.contains("…")
`},
		"like": {`event.message like "a%"`, `14: syntax error: unexpected 'like'; write .matches(…) directly after the text, for example event.message.matches("…")
`},
		"not in": {`event.reason not in ["a"]`, `13: syntax error: unexpected 'not'; write !(a in b)
`},
		"is": {`event.reason is "a"`, `13: syntax error: unexpected 'is'; write ==
`},
		"unequal in SQL": {`event.reason <> "a"`, `14: syntax error: unexpected '>'; write !=
`},
		"quotation marks of a word processor": {`event.reason == “a”`, `16: syntax error: unexpected '“'; write straight quotes, "…"
`},
		"text that is not closed": {`event.message.contains("a)`, `23: syntax error: unexpected '"a)'; the text that begins here has no closing quote
`},
		"a second value without its comparison": {`event.reason == "a" || "b"`, `23: expected type 'bool' but found 'string'; on both sides of || is a condition; repeat the field: event.reason == "A" || event.reason == "B"
`},
		"a list to the right of an equality": {`event.reason == ["a", "b"]`, `13: string == list(string) is not defined; write in, for example event.reason in ["BackOff", "Failed"]
`},
		"a variable of the shell": {`$reason == "a"`, `0: syntax error: unexpected '$'; write event, for example event.reason
`},
		"a name that nothing is near to": {`event.reason == foo`, `16: undeclared reference to 'foo'; an expression can refer to event, occurred, count and component, and to the functions in docs/filters.md
`},
		"two slips": {`reason == "a" && kind == "Pod"`, `0: undeclared reference to 'reason'; write event.reason
17: undeclared reference to 'kind'; write event.involvedObject.kind
`},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			for _, fault := range faultsOf(t, test.expression) {
				got += fmt.Sprintf("%d: %s\n", fault.Offset, fault.Message)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}
