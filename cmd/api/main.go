// Command api serves Gather's HTTP API; without a Redis URL it runs everything inside itself.
package main

import (
	"os"

	"gather/internal/app"
)

func main() {
	os.Exit(app.RunAPI(os.Args[1:], os.Stdout, os.Stderr))
}
