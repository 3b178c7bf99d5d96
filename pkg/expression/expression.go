// Package expression compiles and evaluates the CEL expressions of filters.
//
// pkg/filter compiles each expression of a list once, and evaluates it on each
// Event for which the other conditions of the filter hold. Everything about CEL is
// here: the variables, the cost limit, and the errors, which say what to write
// instead of a common mistake.
//
// The package is pure: no client, no logger, no clock.
package expression

import (
	"fmt"
	"reflect"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/ext"
	corev1 "k8s.io/api/core/v1"
)

// maxSize is the maximum length of an expression, in characters. The longest that
// are readable have a few hundred.
const maxSize = 10_000

// Language is the CEL environment that expressions compile in.
type Language struct {
	env   *cel.Env
	types *eventTypes
}

// NewLanguage returns the environment: the variables, the standard functions, and
// cel-go's string, regex, list, set and two-variable extensions.
func NewLanguage() (*Language, error) {
	base, err := cel.NewEnv(
		cel.DefaultUTCTimeZone(true),
		cel.CrossTypeNumericComparisons(true),
		cel.ParserExpressionSizeLimit(maxSize),
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
	return &Language{env: env, types: known}, nil
}

// Expression is a compiled expression. It is immutable and safe for concurrent
// use.
type Expression struct {
	text    string
	program cel.Program
}

// Fault is an error in the text of an expression.
type Fault struct {
	// Offset is where in the text it is, in bytes.
	Offset int
	// Message says what is wrong, and what to write instead.
	Message string
}

// Compile parses and type-checks text and estimates its cost. It returns either an
// Expression or faults.
func (l *Language) Compile(text string) (*Expression, []Fault) {
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
		return nil, whole("may cost %s, and at most %d is allowed; use fewer loops, or read less text",
			formatCost(price.Max), CostLimit)
	}
	program, err := l.env.Program(ast,
		cel.EvalOptions(cel.OptOptimize),
		cel.CostLimit(CostLimit),
	)
	if err != nil {
		return nil, whole("%v", err)
	}
	return &Expression{text: text, program: program}, nil
}

// Text returns the expression as it was written.
func (x *Expression) Text() string { return x.text }

// Holds evaluates the expression on e. Its error is a runtime error of CEL.
func (x *Expression) Holds(e *corev1.Event) (bool, error) {
	value, _, err := x.program.Eval(&activation{event: e})
	if err != nil {
		return false, err
	}
	return value == types.True, nil
}
