package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

const intro = `# Flags and variables

Every flag has a variable, which holds where the flag is not given; lists are comma-separated in both. ` + "`--help`" + ` prints the same.
This page is made by ` + "`make docs`" + `.
`

// page is the whole page in Markdown, with a section for each command.
func page(commands ...*kong.Application) string {
	var b strings.Builder
	b.WriteString(intro)
	for _, c := range commands {
		writeNode(&b, "cmd/"+c.Name, c.Node)
	}
	return b.String()
}

// writeNode writes a command and its subcommands.
func writeNode(b *strings.Builder, title string, n *kong.Node) {
	fmt.Fprintf(b, "\n## %s\n\n%s\n", title, n.Help)
	for _, p := range n.Positional {
		fmt.Fprintf(b, "\n`%s`: %s\n", p.Summary(), p.Help)
	}
	writeFlags(b, n.Flags)
	for _, child := range n.Children {
		if !child.Hidden {
			writeNode(b, title+" "+child.Name, child)
		}
	}
}

// writeFlags writes one table. Flags of a group stand together below its name.
func writeFlags(b *strings.Builder, flags []*kong.Flag) {
	var rows strings.Builder
	group := ""
	for _, f := range inGroups(flags) {
		if f.Hidden || f.Name == "help" {
			continue
		}
		if title := groupOf(f); title != group {
			group = title
			fmt.Fprintf(&rows, "| **%s** | | | |\n", cell(title))
		}
		fmt.Fprintf(&rows, "| %s | %s | %s | %s |\n", code(flagOf(f)), code(strings.Join(f.Envs, ", ")), code(defaultOf(f)), cell(f.Help))
	}
	if rows.Len() > 0 {
		b.WriteString("\n| flag | variable | default | meaning |\n|---|---|---|---|\n" + rows.String())
	}
}

// inGroups are the flags with those first that have no group.
func inGroups(flags []*kong.Flag) []*kong.Flag {
	var titles []string
	in := make(map[string][]*kong.Flag)
	for _, f := range flags {
		title := groupOf(f)
		if in[title] == nil && title != "" {
			titles = append(titles, title)
		}
		in[title] = append(in[title], f)
	}
	sorted := in[""]
	for _, title := range titles {
		sorted = append(sorted, in[title]...)
	}
	return sorted
}

func groupOf(f *kong.Flag) string {
	if f.Group == nil {
		return ""
	}
	return f.Group.Title
}

// flagOf is the flag, with its value where the default is no example of one.
func flagOf(f *kong.Flag) string {
	name := "--" + f.Name
	if f.Short != 0 {
		name = "-" + string(f.Short) + ", " + name
	}
	switch {
	case f.PlaceHolder != "":
		return name + " " + f.PlaceHolder
	case f.Enum != "":
		return name + " " + strings.ReplaceAll(f.Enum, ",", "|")
	}
	return name
}

// defaultOf is the value that holds where none is given.
func defaultOf(f *kong.Flag) string {
	if f.IsBool() && f.Default == "" {
		return "false"
	}
	return f.Default
}

// cell is text that may stand in a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + cell(text) + "`"
}
