package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"gather"
)

const (
	// visitsAtOnce bounds what one tick takes on.
	visitsAtOnce = 200
	// idleVisits is how many visit intervals a worker sleeps while nothing is due.
	idleVisits = 2
	// workerSeen is how old a worker's last heartbeat may be before it counts as gone.
	workerSeen = 5 * time.Second
	// suspectsAtOnce bounds the questions whether the queue still has an item: it is
	// first in, first out, so the oldest tell about the rest.
	suspectsAtOnce = 16
	// mostStarts is how often an item is handed out before it fails as worker_lost.
	mostStarts = 5
	// finishedKept is how long the count of finished items is kept after the last of them:
	// it is there for throughput, and an idle Redis is to hold nothing.
	finishedKept = time.Minute
	// visitFields is how many values visit.lua returns before the subtasks.
	visitFields = 6
)

// Tick tells that the worker is alive, and returns the aggregations that it must
// visit now. They are put off at once, so that no other worker visits them too,
// and someone does later if this one dies.
//
// Where nothing is due for longer, the round's Sleep is idleVisits visit intervals.
func (s *Store) Tick(ctx context.Context, w gather.Worker) (*gather.Round, error) {
	keys := []string{scheduleKey, workersKey, finishedKey}
	reply, err := tickScript.Run(ctx, s.rdb, keys,
		workerMember(w), s.timing.VisitInterval.Milliseconds(), visitsAtOnce, workerSeen.Milliseconds(), w.Finished, int(finishedKept.Seconds())).Slice()
	if err != nil {
		return nil, unavailable(ctx, "tick of", w.Name, err)
	}
	round := &gather.Round{PutOffTo: integer(reply[0]), Sleep: idleVisits * s.timing.VisitInterval}
	round.Now = time.UnixMilli(round.PutOffTo).Add(-s.timing.VisitInterval)
	if next := milliseconds(reply[1]); next >= 0 {
		round.Sleep = min(next, round.Sleep)
	}
	round.Workers = int(integer(reply[2]))
	s.workforce.Store(&workforce{workers: round.Workers, slots: int(integer(reply[3]))})
	for _, id := range reply[4:] {
		round.IDs = append(round.IDs, text(id))
	}
	return round, nil
}

// Leave tells that the worker is gone, and what it has finished since its last tick.
func (s *Store) Leave(ctx context.Context, w gather.Worker) error {
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.ZRem(ctx, workersKey, workerMember(w))
		if w.Finished > 0 {
			p.IncrBy(ctx, finishedKey, w.Finished)
			p.Expire(ctx, finishedKey, finishedKept)
		}
		return nil
	})
	return unavailable(ctx, "leave of", w.Name, err)
}

// workerMember is what the workers key holds of a worker.
func workerMember(w gather.Worker) string { return w.Name + " " + strconv.Itoa(w.Concurrency) }

// Visit looks after one aggregation of the round: it ends it at its deadline,
// starts lost items again, and plans the next visit. An aggregation that is gone
// is forgotten.
func (s *Store) Visit(ctx context.Context, round *gather.Round, id string) (*gather.Visit, error) {
	if !validID(id) {
		return &gather.Visit{ID: id}, s.Forget(ctx, id)
	}
	args := []any{s.workforce.Load().window(), s.timing.SuspectAfter.Milliseconds(), suspectsAtOnce, mostStarts}
	reply, err := s.run(ctx, visitScript, id, args...).Slice()
	if err != nil {
		return nil, unavailable(ctx, "visit", id, err)
	}
	visit := &gather.Visit{
		ID:     id,
		Status: gather.Status(text(reply[0])),
		Lane:   gather.Lane(text(reply[1])),
		Trace:  text(reply[5]),
	}
	s.tellEnd(ctx, id, reply[4])
	lost := visitFields + subtaskFields*int(integer(reply[3]))
	visit.Lost, visit.Suspects = subtasks(reply[visitFields:lost]), subtasks(reply[lost:])
	next := milliseconds(reply[2])
	switch {
	case visit.Status == "" && idTime(id).Before(time.Now().Add(-s.timing.ForgetAfter)):
		return visit, s.Forget(ctx, id)
	case visit.Status == "":
		next = s.timing.ForgetAfter
	case visit.Status.Finished():
		next += time.Second // it is gone then
	case next >= s.timing.VisitInterval:
		return visit, nil // the tick has planned it
	default:
		visit.Soon = max(next, time.Millisecond)
	}
	return visit, s.plan(ctx, round, id, next)
}

// plan puts the next visit at the given time from now, unless it was planned
// otherwise since the round: then something has happened that the visit did not see.
func (s *Store) plan(ctx context.Context, round *gather.Round, id string, in time.Duration) error {
	err := planScript.Run(ctx, s.rdb, []string{scheduleKey}, id, round.PutOffTo, in.Milliseconds()).Err()
	return unavailable(ctx, "plan visit of", id, err)
}

// visitSoon plans a visit whatever was planned, and puts the aggregation on the lists:
// all of it or, with an error, nothing.
func (s *Store) visitSoon(ctx context.Context, id string, in time.Duration) error {
	keys := append([]string{scheduleKey, indexKey}, ownLists(ctx)...)
	err := soonScript.Run(ctx, s.rdb, keys, id, in.Milliseconds(), gather.OwnerOf(ctx)).Err()
	if err == nil && s.apart.Load() {
		s.confirms.later(id, s.timing.ConfirmAfter)
	}
	return unavailable(ctx, "schedule", id, err)
}

// Ready returns what is needed to tell whether work can be sent here.
func (s *Store) Ready(ctx context.Context) (gather.Readiness, error) {
	var ready gather.Readiness
	workers, err := s.Workers(ctx)
	if err != nil {
		return ready, err
	}
	finished, err := s.rdb.Get(ctx, finishedKey).Int64()
	if err != nil && !errors.Is(err, redis.Nil) { // none before the first
		return ready, unavailable(ctx, "count", "finished items", err)
	}
	ready.Workers, ready.Finished = len(workers), finished
	for _, info := range s.memoryInfos(ctx) {
		if warning := memoryWarning(info); warning != "" && !slices.Contains(ready.Warnings, warning) {
			ready.Warnings = append(ready.Warnings, warning)
		}
	}
	return ready, nil
}

// Workers returns the workers that were heard of in the last seconds.
func (s *Store) Workers(ctx context.Context) ([]gather.Worker, error) {
	now, err := s.now(ctx)
	if err != nil {
		return nil, err
	}
	since := strconv.FormatInt(now.Add(-workerSeen).UnixMilli(), 10)
	members, err := s.rdb.ZRangeByScore(ctx, workersKey, &redis.ZRangeBy{Min: since, Max: "+inf"}).Result()
	if err != nil {
		return nil, unavailable(ctx, "list", "workers", err)
	}
	workers := make([]gather.Worker, len(members))
	for i, member := range members {
		workers[i] = workerOf(member)
	}
	return workers, nil
}

// workerOf reads what workerMember has written.
func workerOf(member string) gather.Worker {
	space := strings.LastIndexByte(member, ' ')
	n, _ := strconv.Atoi(member[space+1:])
	return gather.Worker{Name: member[:max(space, 0)], Concurrency: n}
}

// memoryInfos are what Redis, or each master of a cluster, says of its memory, by INFO's
// names. There are none where Redis does not tell.
func (s *Store) memoryInfos(ctx context.Context) []map[string]string {
	cluster, several := s.rdb.(*redis.ClusterClient)
	if !several {
		return []map[string]string{parseInfo(s.rdb.Info(ctx, "memory").Val())}
	}
	var mu sync.Mutex
	var infos []map[string]string
	_ = cluster.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
		info := parseInfo(master.Info(ctx, "memory").Val())
		mu.Lock()
		defer mu.Unlock()
		infos = append(infos, info)
		return nil
	})
	return infos
}

func parseInfo(text string) map[string]string {
	info := make(map[string]string)
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		info[name] = value
	}
	return info
}

// memoryWarning says how a server of Redis may lose accepted work, or that it is full; "" if neither.
func memoryWarning(info map[string]string) string {
	used, _ := strconv.ParseInt(info["used_memory"], 10, 64)
	most, _ := strconv.ParseInt(info["maxmemory"], 10, 64)
	switch policy := info["maxmemory_policy"]; {
	case policy != "" && policy != "noeviction":
		return fmt.Sprintf("Redis evicts keys when it is full (maxmemory-policy %s), which loses accepted work; set maxmemory-policy noeviction", policy)
	case most > 0 && used >= most:
		return "Redis is full, and refuses what is new; raise maxmemory, or wait until results expire"
	}
	return ""
}
