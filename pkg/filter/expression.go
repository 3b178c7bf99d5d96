package filter

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/ext"
	corev1 "k8s.io/api/core/v1"
)

const (
	// CostLimit is what one evaluation may cost at most, in CEL's own units:
	// about one for each step, and one for each ten characters looked at. It is
	// a tenth of what Kubernetes grants an admission expression (PerCallLimit in
	// k8s.io/apiserver/pkg/apis/cel), since Events come in thousands. Where the
	// limit is met the evaluation stops and counts as failed, and it cannot be
	// outrun: every step of a loop and every function call is charged.
	CostLimit = 100_000

	// maxExpressionSize is how many characters an expression may have. The
	// longest that are worth reading have a few hundred.
	maxExpressionSize = 10_000
)

// language is the CEL environment that expressions compile in.
type language struct {
	env   *cel.Env
	types *eventTypes
}

// newLanguage prepares the environment: the variables, the standard functions,
// and cel-go's string, regex, list, set and two-variable extensions.
func newLanguage() (*language, error) {
	base, err := cel.NewEnv(
		cel.DefaultUTCTimeZone(true),
		cel.CrossTypeNumericComparisons(true),
		cel.ParserExpressionSizeLimit(maxExpressionSize),
		cel.OptionalTypes(),
		ext.Strings(),
		ext.Regex(),
		ext.Sets(),
		ext.Lists(),
		ext.TwoVarComprehensions(),
		ext.NativeTypes(reflect.TypeFor[corev1.Event](), ext.ParseStructTag("json")),
	)
	if err != nil {
		return nil, fmt.Errorf("building the environment: %w", err)
	}
	zoned := new(zones)
	known := &eventTypes{Provider: base.CELTypeProvider()}
	options := slices.Concat(variables(), zoned.functions(), []cel.EnvOption{
		cel.CustomTypeProvider(known),
		cel.ASTValidators(zoned.constantChecks()...),
	})
	env, err := base.Extend(options...)
	if err != nil {
		return nil, fmt.Errorf("declaring the variables: %w", err)
	}
	return &language{env: env, types: known}, nil
}

// expression is a compiled expression.
type expression struct {
	text    string
	program cel.Program
}

// expressionFault is something wrong with an expression's text.
type expressionFault struct {
	offset  int // in bytes
	message string
}

// compile type-checks text, prices it and plans its evaluation.
func (l *language) compile(text string) (*expression, []expressionFault) {
	ast, issues := l.env.Compile(text)
	if issues.Err() != nil {
		return nil, l.faults(text, issues)
	}
	if ast.OutputType() != cel.BoolType {
		return nil, whole("yields %s; a filter's expression must yield bool", cel.FormatCELType(ast.OutputType()))
	}
	price, err := l.env.EstimateCost(ast, sizes{})
	if err != nil {
		return nil, whole("estimating the cost: %v", err)
	}
	if price.Max > CostLimit {
		return nil, whole("may cost %s, and at most %d is allowed; loop less, or look at less text",
			formatCost(price.Max), CostLimit)
	}
	program, err := l.env.Program(ast,
		cel.EvalOptions(cel.OptOptimize),
		cel.CostLimit(CostLimit),
	)
	if err != nil {
		return nil, whole("%v", err)
	}
	return &expression{text: text, program: program}, nil
}

// holds evaluates the expression on e. Its error is what CEL says of a failure
// at run time.
func (x *expression) holds(e *corev1.Event) (bool, error) {
	value, _, err := x.program.Eval(&activation{event: e})
	if err != nil {
		return false, err
	}
	return value == types.True, nil
}

// faults turns what the compiler reported into byte offsets and plain words.
func (l *language) faults(text string, issues *cel.Issues) []expressionFault {
	var out []expressionFault
	for _, e := range issues.Errors() {
		offset := byteOffset(text, e.Location.Line(), e.Location.Column())
		offset = intoHas(text, offset, e.Message)
		message := l.plain(text, offset, e.Message)
		if offset < len(text) && text[offset] == '.' {
			offset++ // to the field, which CEL places at the dot ahead of it
		}
		out = append(out, expressionFault{offset: offset, message: message})
		if strings.HasPrefix(e.Message, syntaxError) {
			break // what follows is only the parser finding its feet again
		}
	}
	return out
}

// intoHas moves an offset to the field that has() asks for: cel-go places what
// is wrong with it at the parenthesis.
func intoHas(text string, offset int, message string) int {
	if !strings.HasPrefix(message, "undefined field") || offset >= len(text) || text[offset] != '(' {
		return offset
	}
	if at := strings.Index(text[offset:], "."+quoted(message)); at >= 0 {
		return offset + at
	}
	return offset
}

// whole returns one fault with the expression as a whole.
func whole(format string, args ...any) []expressionFault {
	return []expressionFault{{message: fmt.Sprintf(format, args...)}}
}

// byteOffset converts CEL's position, a 1-based line and a 0-based column
// counted in characters, to an offset inside text.
func byteOffset(text string, line, column int) int {
	offset := 0
	for ; line > 1; line-- {
		next := strings.IndexByte(text[offset:], '\n')
		if next < 0 {
			break
		}
		offset += next + 1
	}
	for ; column > 0 && offset < len(text) && text[offset] != '\n'; column-- {
		_, width := utf8.DecodeRuneInString(text[offset:])
		offset += width
	}
	return offset
}
