package store

import (
	"context"
	"embed"

	"github.com/redis/go-redis/v9"
)

//go:embed lua/*.lua
var luaFiles embed.FS

// The scripts that change or read one aggregation. Each file's header says what
// it decides, what it takes and what it returns.
var (
	createScript      = scriptOfOne("create")
	abandonScript     = scriptOfOne("abandon")
	beginScript       = scriptOfOne("begin")
	claimScript       = scriptOfOne("claim")
	releaseScript     = scriptOfOne("release")
	keepScript        = scriptOfOne("keep")
	recordScript      = scriptOfOne("record")
	restartScript     = scriptOfOne("restart")
	visitScript       = scriptOfOne("visit")
	overdueScript     = scriptOfOne("overdue")
	cancelScript      = scriptOfOne("cancel")
	retryScript       = scriptOfOne("retry")
	deleteScript      = scriptOfOne("delete")
	completionsScript = scriptOfOne("completions")
	followScript      = scriptOfOne("follow")
	pendingScript     = scriptOfOne("pending")
)

// readScript runs so often that it goes without the prelude, which takes longer than it.
var readScript = redis.NewScript(luaFile("read"))

// These work on the keys of all aggregations together.
var (
	tickScript    = redis.NewScript(luaFile("tick"))
	planScript    = redis.NewScript(luaFile("plan"))
	soonScript    = redis.NewScript(luaFile("soon"))
	confirmScript = redis.NewScript(luaFile("confirm"))
	forgetScript  = redis.NewScript(luaFile("forget"))
)

// These work on what an owner may do.
var (
	takeScript   = redis.NewScript(luaFile("take"))
	admitScript  = redis.NewScript(luaFile("admit"))
	vacateScript = redis.NewScript(luaFile("vacate"))
)

func scriptOfOne(name string) *redis.Script {
	return redis.NewScript(luaFile("prelude") + luaFile(name))
}

func luaFile(name string) string {
	text, err := luaFiles.ReadFile("lua/" + name + ".lua")
	if err != nil {
		panic(err) // the files are part of the binary
	}
	return string(text)
}

func (s *Store) run(ctx context.Context, script *redis.Script, id string, args ...any) *redis.Cmd {
	return script.Run(ctx, s.rdb, keysOf(id), args...)
}

// runWithAll is run for scripts that also touch the schedule and the index where Redis
// allows that: on a cluster they live in other slots, and the script goes without them.
func (s *Store) runWithAll(ctx context.Context, script *redis.Script, id string, args ...any) *redis.Cmd {
	if !s.apart.Load() {
		reply := script.Run(ctx, s.rdb, append(keysOf(id), scheduleKey, indexKey), args...)
		if !redis.HasErrorPrefix(reply.Err(), "CROSSSLOT") {
			return reply
		}
		s.apart.Store(true)
	}
	return s.run(ctx, script, id, args...)
}
