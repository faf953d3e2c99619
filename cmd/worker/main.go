// Command worker runs Gather's tasks: it sends the requests and records what comes back.
package main

import (
	"os"

	"gather/internal/app"
)

func main() {
	os.Exit(app.RunWorker(os.Args[1:], os.Stdout, os.Stderr))
}
