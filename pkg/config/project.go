package config

import (
	"fmt"
	"strings"
	"unicode"

	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/api/validation"
)

// projectIDPrefix marks a project given by its ID. Brigade takes every text
// that starts so for an ID and hashes every other one into an ID (ProjectID in
// github.com/brigadecore/brigade v1.5.0, pkg/brigade/project.go).
const projectIDPrefix = "brigade-"

// checkProject says what is wrong with a project's name or ID, and nil where
// nothing is.
//
// The ID becomes the `project` label of the build Secret, and it is the name of
// the project's own Secret, so it must be fit for both. A name always hashes to
// such an ID; what can be said of it is that no project is called so, if it
// contains white space or characters that cannot be seen.
func checkProject(project string) error {
	if strings.HasPrefix(project, projectIDPrefix) {
		if problems := content.IsLabelValue(project); len(problems) > 0 {
			return fmt.Errorf("the project ID %q cannot be a label value: %s; copy it from `brig project list`", project, rule(problems))
		}
		if problems := validation.NameIsDNSSubdomain(project, false); len(problems) > 0 {
			return fmt.Errorf("the project ID %q cannot be the name of a Secret: %s; copy it from `brig project list`", project, rule(problems))
		}
		return nil
	}
	if strings.ContainsFunc(project, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }) {
		return fmt.Errorf("the project name %q contains white space or invisible characters; copy it from `brig project list`", project)
	}
	return nil
}

// rule returns the first of apimachinery's complaints without its examples and
// its regular expression.
func rule(problems []string) string {
	short, _, _ := strings.Cut(problems[0], " (e.g. ")
	return short
}
