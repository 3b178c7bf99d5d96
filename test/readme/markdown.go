// Package readme follows README.md word by word on a control plane of its own,
// so that what a newcomer types works.
package readme

import (
	"regexp"
	"strings"
)

// block is code in a Markdown file.
type block struct {
	// language is what follows the fence, and "shell" for an indented block.
	language string
	// text is the code without indentation.
	text string
	// line is where it begins, from 1.
	line int
	// before is the paragraph above.
	before string
}

// blocks returns the code of a Markdown file in order.
func blocks(markdown string) []block {
	var found []block
	lines := strings.Split(markdown, "\n")
	var paragraph []string
	last := ""
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		switch {
		case strings.HasPrefix(line, "```"):
			b := block{language: strings.TrimPrefix(line, "```"), line: i + 2, before: last}
			for i++; i < len(lines) && lines[i] != "```"; i++ {
				b.text += lines[i] + "\n"
			}
			found = append(found, b)
		case strings.HasPrefix(line, "    ") && len(paragraph) == 0:
			b := block{language: "shell", line: i + 1, before: last}
			for ; i < len(lines) && (strings.HasPrefix(lines[i], "    ") || lines[i] == ""); i++ {
				b.text += strings.TrimPrefix(lines[i], "    ") + "\n"
			}
			i--
			b.text = strings.TrimRight(b.text, "\n") + "\n"
			found = append(found, b)
		case line == "":
			paragraph = nil
		default:
			paragraph = append(paragraph, line)
			last = strings.Join(paragraph, "\n")
		}
	}
	return found
}

// command is one command of a shell block.
type command struct {
	text string
	// line is where it begins in the file, from 1.
	line int
	// output is what it prints, where the block shows that.
	output string
}

// commands returns the commands of a shell block. Where lines begin with "$ ",
// the others are output.
func (b block) commands() []command {
	var found []command
	transcript := strings.HasPrefix(b.text, "$ ")
	comment := regexp.MustCompile(`\s+# .*$`)
	going := false
	for i, line := range strings.Split(strings.TrimSuffix(b.text, "\n"), "\n") {
		text, isCommand := strings.CutPrefix(line, "$ ")
		switch {
		case going:
			found[len(found)-1].text += "\n" + line
		case transcript && !isCommand:
			found[len(found)-1].output += line + "\n"
			continue
		case strings.TrimSpace(text) == "":
			continue
		default:
			found = append(found, command{text: comment.ReplaceAllString(text, ""), line: b.line + i})
		}
		going = strings.HasSuffix(line, `\`)
	}
	return found
}
