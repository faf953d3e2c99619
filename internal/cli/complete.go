package cli

import (
	"context"
	"embed"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"gather"
	"gather/client"
)

// completeCommand is what the shells' scripts call: with their name, and the words of the
// line up to the one to complete. It prints what that may become, a line each.
const completeCommand = "__complete"

//go:embed completion
var completionScripts embed.FS

// completionCommand prints the script for a shell.
type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help says how to use it.
func (completionCommand) Help() string {
	return `bash: source <(gather completion bash)
zsh:  source <(gather completion zsh)
fish: gather completion fish | source
For every shell to come, put that line into ~/.bashrc, ~/.zshrc or ~/.config/fish/config.fish.`
}

// Run is the command.
func (c *completionCommand) Run(s *session) error {
	script, err := completionScripts.ReadFile("completion/gather." + c.Shell)
	if err == nil {
		_, err = s.Out.Write(script)
	}
	return err
}

// candidate is what a word may become.
type candidate struct{ word, help string }

// complete prints what the last word may become. Nothing has the shell offer files.
func complete(parser *kong.Kong, args []string, w io.Writer) {
	if len(args) == 0 {
		return
	}
	shell, words := args[0], args[1:]
	prefix := ""
	if shell == "bash" {
		words = unsplit(words)
	}
	if len(words) == 0 {
		words = []string{""}
	}
	last := words[len(words)-1]
	name, value, assigned := strings.Cut(last, "=")
	found := candidates(parser, words[:len(words)-1], last)
	if assigned && strings.HasPrefix(name, "--") {
		found = candidates(parser, append(words[:len(words)-1:len(words)-1], name), value)
		if last = value; shell != "bash" { // which takes = for the end of a word
			prefix = name + "="
		}
	}
	for _, c := range found {
		if strings.HasPrefix(c.word, last) {
			_, _ = fmt.Fprintln(w, line(shell, prefix+c.word, c.help))
		}
	}
}

// unsplit joins what bash takes apart at = and : when it reads a line.
func unsplit(words []string) []string {
	var joined []string
	glue := false
	for _, word := range words {
		separator := word == "=" || word == ":"
		if n := len(joined); n > 0 && (glue || separator) {
			joined[n-1] += word
		} else {
			joined = append(joined, word)
		}
		glue = separator
	}
	return joined
}

// line is a candidate as a shell wants it.
func line(shell, word, help string) string {
	help = printable(help, 0)
	if end := strings.IndexAny(help, ";:"); end > 0 {
		help = help[:end]
	}
	switch {
	case shell == "fish" && help != "":
		return word + "\t" + help
	case shell == "zsh" && help != "":
		return strings.ReplaceAll(word, ":", `\:`) + ":" + help
	case shell == "zsh":
		return strings.ReplaceAll(word, ":", `\:`)
	}
	return word
}

// candidates are what may come after the words before, given how it begins.
func candidates(parser *kong.Kong, before []string, begin string) []candidate {
	node, waiting := walk(parser.Model.Node, before)
	switch {
	case waiting != nil:
		return values(waiting)
	case strings.HasPrefix(begin, "-"):
		return flags(node)
	}
	var found []candidate
	for _, child := range node.Children {
		if !child.Hidden {
			found = append(found, candidate{child.Name, child.Help})
		}
	}
	for _, positional := range node.Positional {
		if positional.Name == "id" {
			return recent(before)
		}
		found = append(found, values(positional)...)
	}
	return found
}

// walk goes down to the command that the words name. waiting is the flag that the next
// word is the value of, nil if it is none.
func walk(node *kong.Node, words []string) (at *kong.Node, waiting *kong.Value) {
	for _, word := range words {
		switch {
		case waiting != nil:
			waiting = nil
		case strings.HasPrefix(word, "-"):
			waiting = wants(node, word)
		default:
			for _, child := range node.Children {
				if child.Name == word {
					node = child
					break
				}
			}
		}
	}
	return node, waiting
}

// wants is the flag that a word is, if its value is the next word.
func wants(node *kong.Node, word string) *kong.Value {
	for _, group := range node.AllFlags(true) {
		for _, f := range group {
			named := word == "--"+f.Name || f.Short != 0 && word == "-"+string(f.Short)
			if named && !f.IsBool() {
				return f.Value
			}
		}
	}
	return nil
}

func values(v *kong.Value) (found []candidate) {
	if v.Enum == "" {
		return nil
	}
	for _, word := range strings.Split(v.Enum, ",") {
		if word != "" {
			found = append(found, candidate{word: word})
		}
	}
	return found
}

func flags(node *kong.Node) (found []candidate) {
	for _, group := range node.AllFlags(true) {
		for _, f := range group {
			found = append(found, candidate{"--" + f.Name, f.Help})
			if f.Negated || f.Tag.Negatable != "" {
				found = append(found, candidate{"--no-" + f.Name, ""})
			}
		}
	}
	return found
}

// given is the value of a flag among the words of a line, or else of its variable.
func given(words []string, flag, variable string) string {
	found := os.Getenv(variable)
	for i, word := range words {
		if value, ok := strings.CutPrefix(word, flag+"="); ok {
			found = value
		} else if word == flag && i+1 < len(words) {
			found = words[i+1]
		}
	}
	return strings.Trim(found, `"'`)
}

// recent are the IDs of the newest aggregations, where the line or the environment says of
// which Gather.
func recent(words []string) (found []candidate) {
	const most, patience = 50, 2 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := client.New(given(words, "--server", "GATHER_URL"), client.WithKey(given(words, "--key", "GATHER_API_KEY")), client.WithRetryFor(0))
	if err != nil {
		return nil
	}
	page, err := c.Page(ctx, gather.Filter{}, "", most)
	if err != nil {
		return nil
	}
	for _, agg := range page.Items {
		found = append(found, candidate{agg.ID, strings.TrimSpace(string(agg.Status) + " " + agg.Name)})
	}
	return found
}
