package config

import (
	"fmt"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
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

// projectIDLength is how many hexadecimal digits a project's ID has (shortSHA
// in github.com/brigadecore/brigade v1.5.0, pkg/brigade/project.go).
const projectIDLength = 54

// warnAboutProject reports what can be a project's name or ID but hardly is.
// Brigade takes any text: it would look for a project that nobody has made.
func (r *reader) warnAboutProject(node *yaml.Node, path string) {
	if node == nil || isNull(node) || node.Value == "" {
		return
	}
	project := node.Value
	digits, isID := strings.CutPrefix(project, projectIDPrefix)
	switch {
	case isID && len(digits) != projectIDLength:
		r.warn(at(node), path, "a project ID has %d digits after %s, this one %d; copy it from `brig project list`",
			projectIDLength, projectIDPrefix, len(digits))
	case isID && strings.ContainsFunc(digits, func(c rune) bool { return !strings.ContainsRune("0123456789abcdef", c) }):
		r.warn(at(node), path, "a project ID is made of the digits 0 to 9 and a to f after %s; copy it from `brig project list`", projectIDPrefix)
	case isID:
	case strings.Contains(project, "://"), strings.HasPrefix(project, "git@"), strings.HasSuffix(project, ".git"):
		r.warn(at(node), path, "%q is the address of a repository, and a project has a name such as %s; copy it from `brig project list`",
			project, repositoryName(project))
	case strings.ContainsAny(project, "${}<>"):
		r.warn(at(node), path, "%q is a placeholder that nothing has replaced; write the project's name, as `brig project list` shows it", project)
	case len(project) == projectIDLength && !strings.ContainsFunc(project, func(c rune) bool { return !strings.ContainsRune("0123456789abcdef", c) }):
		r.warn(at(node), path, "this is a project ID without its beginning; write %s%s", projectIDPrefix, project)
	case strings.ContainsAny(project, "*?"):
		r.warn(at(node), path, "%q names one project, and * and ? stand for themselves; write its name, as `brig project list` shows it", project)
	}
}

// repositoryName returns the last two parts of a repository's address, after
// which brig names projects.
func repositoryName(address string) string {
	address = strings.TrimSuffix(strings.TrimSuffix(address, "/"), ".git")
	parts := strings.FieldsFunc(address, func(c rune) bool { return c == '/' || c == ':' })
	if len(parts) < 2 {
		return "deis/empty-testbed"
	}
	return strings.Join(parts[len(parts)-2:], "/")
}
