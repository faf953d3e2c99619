package app

import "runtime/debug"

// linked is the version that a build without a git repository is told, as that of the
// Dockerfile: -ldflags "-X gather/internal/app.linked=VERSION".
var linked string

// Version is the binary's: what it was told, or what go build has read from the git
// repository, which tells the revision and whether it was changed. It is "(devel)" where
// there was neither.
func Version() string {
	if linked != "" {
		return linked
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
