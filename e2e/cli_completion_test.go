package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// completed is what lines become in every shell.
func completed(id, dir string) map[string]string {
	return map[string]string{
		"gather compl":                      "gather completion ",
		"gather completion z":               "gather completion zsh ",
		"gather run --out":                  "gather run --output ",
		"gather list --status=par":          "gather list --status=partial ",
		"gather get agg_":                   "gather get " + id + " ",
		"gather run -f " + dir[:len(dir)-1]: "gather run -f " + dir,
	}
}

// TestCLI_Completion has real shells complete.
func TestCLI_Completion(t *testing.T) {
	t.Parallel()
	s := startEmbedded(t)
	id := s.run(t, object{"urls": newUpstream(t).urls("/a")}).ID
	bin := filepath.Dir(binary(t, "gather"))
	for shell, c := range map[string]struct{ start, ready string }{
		"bash": {"bash --norc --noprofile -i", "bind 'set bell-style none'; bind 'set enable-bracketed-paste off'; source <(gather completion bash)"},
		"zsh":  {"zsh -f -i", "unsetopt prompt_sp prompt_cr zle_bracketed_paste; autoload -U compinit; compinit -D; source <(gather completion zsh)"},
	} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			need(t, shell)
			for line, want := range completed(id, bin) {
				words := strings.Fields(c.start)
				term := startTerminal(t, exec.Command(words[0], words[1:]...),
					append(commandLine{server: s.base}.env(), "PATH="+bin+":"+os.Getenv("PATH"), "PS1=> ", "TERM=dumb", "HISTFILE=")...)
				term.says(t, "> ")
				term.types(t, c.ready+"; echo ready$((1+1))\n")
				term.says(t, "ready2")
				term.says(t, "> ")
				term.types(t, line+"\t")
				term.says(t, want)
				term.types(t, "\x15exit\n") // takes the line back
				term.ends(t, 0)
			}
		})
	}
	t.Run("fish", func(t *testing.T) {
		t.Parallel()
		need(t, "fish")
		for line, want := range completed(id, bin) {
			p := exec.Command("fish", "--no-config", "-c", "gather completion fish | source; complete -C $argv[1]", line)
			p.Env = append(commandLine{server: s.base}.env(), "PATH="+bin+":"+os.Getenv("PATH"))
			out, err := p.CombinedOutput() // of the last word, what it becomes, and after a tab what that is
			word := strings.TrimSpace(want[strings.LastIndex(strings.TrimSpace(want), " ")+1:])
			if got, _, _ := strings.Cut(string(out), "\t"); err != nil || !strings.HasPrefix(strings.TrimSpace(got), word) {
				t.Errorf("%q becomes %q, %v, want %q", line, out, err, word)
			}
		}
	})
}

// need skips the test where a shell is not installed. Every machine has bash.
func need(t *testing.T, shell string) {
	t.Helper()
	if _, err := exec.LookPath(shell); err != nil && shell != "bash" {
		t.Skip(err)
	}
}
