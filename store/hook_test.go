package store

import "github.com/redis/go-redis/v9"

// passOn is the part of a hook that lets everything pass.
type passOn struct{}

func (passOn) DialHook(next redis.DialHook) redis.DialHook { return next }

func (passOn) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
