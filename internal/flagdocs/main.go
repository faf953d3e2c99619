// Command flagdocs writes docs/reference.md: every flag and every variable of every command,
// from what the commands themselves go by. make docs runs it.
package main

import (
	"fmt"
	"os"

	"github.com/alecthomas/kong"

	"gather/internal/app"
	"gather/internal/cli"
)

// models are those of all commands.
func models() []*kong.Application { return append(app.Models(), cli.Model()) }

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: flagdocs FILE")
		os.Exit(2)
	}
	if err := os.WriteFile(os.Args[1], []byte(page(models()...)), 0o644); err != nil { //nolint:gosec // a page that everybody may read
		fmt.Fprintln(os.Stderr, "flagdocs:", err)
		os.Exit(1)
	}
}
