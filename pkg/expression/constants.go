package expression

import (
	"fmt"
	"regexp"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
)

// constantChecks returns the checks of constant arguments with which a function
// would fail on every Event. cel-go has checks of durations and timestamps. Its
// check of regular expressions covers only text.matches(pattern).
func (z *zones) constantChecks() []cel.ASTValidator {
	checks := []cel.ASTValidator{
		cel.ValidateDurationLiterals(),
		cel.ValidateTimestampLiterals(),
		constantCheck{function: overloads.Matches, argument: 0, check: checkPattern},
		constantCheck{function: "regex.extract", argument: 1, check: checkPattern},
		constantCheck{function: "regex.extractAll", argument: 1, check: checkPattern},
		constantCheck{function: "regex.replace", argument: 1, check: checkPattern},
	}
	for function, overload := range zonedFunctions() {
		checks = append(checks, constantCheck{function: function, argument: 0, check: func(zone string) error {
			return z.check(function, overload, zone)
		}})
	}
	return checks
}

// constantCheck is a cel.ASTValidator that checks one argument of a function if it
// is a constant string.
type constantCheck struct {
	function string
	// argument is the index of the argument. In a call of matches that is not a
	// member call, it is one more.
	argument int
	check    func(text string) error
}

func (c constantCheck) Name() string {
	return "constant argument of " + c.function
}

// Validate checks the constants in a.
func (c constantCheck) Validate(_ *cel.Env, _ cel.ValidatorConfig, a *ast.AST, issues *cel.Issues) {
	for _, found := range ast.MatchDescendants(ast.NavigateAST(a), ast.FunctionMatcher(c.function)) {
		call := found.AsCall()
		argument := c.argument
		if c.function == overloads.Matches && !call.IsMemberFunction() {
			argument++
		}
		if argument >= len(call.Args()) {
			continue
		}
		constant := call.Args()[argument]
		if constant.Kind() != ast.LiteralKind {
			continue
		}
		text, ok := constant.AsLiteral().(types.String)
		if !ok {
			continue
		}
		if err := c.check(string(text)); err != nil {
			issues.ReportErrorAtID(constant.ID(), "%s", err)
		}
	}
}

// checkPattern returns what is wrong with a regular expression.
func checkPattern(pattern string) error {
	if _, err := regexp.Compile(pattern); err != nil {
		return fmt.Errorf("not a regular expression of RE2: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	return nil
}
