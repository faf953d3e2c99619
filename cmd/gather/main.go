// Command gather is Gather's command line: it has requests sent, follows them and shows what came of them.
//
// Called by the name of api or worker it is that command. The image has this one binary under
// all three names: two of them together would make it twice as large.
package main

import (
	"os"
	"path/filepath"

	"gather/internal/app"
	"gather/internal/cli"
)

func main() {
	args := os.Args[1:]
	switch filepath.Base(os.Args[0]) {
	case "api":
		os.Exit(app.RunAPI(args, os.Stdout, os.Stderr))
	case "worker":
		os.Exit(app.RunWorker(args, os.Stdout, os.Stderr))
	default:
		os.Exit(cli.Run(args, cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
	}
}
