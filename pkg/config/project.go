package config

import (
	"fmt"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/api/validation"
)

// projectIDPrefix begins the ID of a project. Brigade takes any text with this
// prefix for an ID and hashes any other to an ID (ProjectID in
// github.com/brigadecore/brigade v1.5.0, pkg/brigade/project.go).
const projectIDPrefix = "brigade-"

// checkProject returns an error if a project's name or ID is not valid.
//
// The ID is the `project` label of the build Secret and the name of the project's
// own Secret, so it must be valid as both. A name always hashes to such an ID; it is
// invalid if it has white space or invisible characters, which no project has.
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

// rule returns the first error of apimachinery without its examples and its regular
// expression.
func rule(problems []string) string {
	short, _, _ := strings.Cut(problems[0], " (e.g. ")
	return short
}

// projectIDLength is the number of hexadecimal digits of a project's ID (shortSHA
// in github.com/brigadecore/brigade v1.5.0, pkg/brigade/project.go).
const projectIDLength = 54

// warnAboutProject warns about a text that can be a project's name or ID but probably
// is not. Brigade accepts any text, and would not find the project.
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
		r.warn(at(node), path, "%q is a placeholder that was not replaced; write the project's name, as `brig project list` shows it", project)
	case len(project) == projectIDLength && !strings.ContainsFunc(project, func(c rune) bool { return !strings.ContainsRune("0123456789abcdef", c) }):
		r.warn(at(node), path, "this is a project ID without its beginning; write %s%s", projectIDPrefix, project)
	case strings.ContainsAny(project, "*?"):
		r.warn(at(node), path, "%q names one project, and * and ? are ordinary characters here; write its name, as `brig project list` shows it", project)
	}
}

// repositoryName returns the last two parts of a repository's address, which brig
// suggests as the name of a project.
func repositoryName(address string) string {
	address = strings.TrimSuffix(strings.TrimSuffix(address, "/"), ".git")
	parts := strings.FieldsFunc(address, func(c rune) bool { return c == '/' || c == ':' })
	if len(parts) < 2 {
		return "deis/empty-testbed"
	}
	return strings.Join(parts[len(parts)-2:], "/")
}
