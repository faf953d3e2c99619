package main

import "time"

// allRows is the whole benchmark, with its targets. They hold for two cores that
// everything shares; what counts more than any of them is how far gather is from
// the limit and from raw asynq in the same run.
//
// A concurrency is the worker's, and that of the other systems too: as many as
// sleep side by side, and the worker's own default (0) where none sleeps.
func allRows() []row {
	const ms, second = time.Millisecond, time.Second
	return []row{
		beside("10x1s", contest{n: 10, delay: second, target: target{most: 1008}}),
		beside("10x0-idle", contest{n: 10, idle: 1500 * ms, leastRuns: 30, target: target{most: 3, mostP99: 8}}),
		beside("10x0", contest{n: 10, leastRuns: 30}),
		beside("100x0", contest{n: 100, leastRuns: 10}),
		beside("1000x0", contest{n: 1000, target: target{most: 60}}),
		beside("1000x1s", contest{n: 1000, delay: second, concurrency: 1000, target: target{most: 1060}}),
		beside("10000x0", contest{n: 10_000, target: target{most: 400}}),
		beside("10000x1s", contest{n: 10_000, delay: second, concurrency: 10_000, target: target{most: 1700}}),
		{"throughput", "200 aggregations of N=10 of 0 ms, 16 clients", bothModes,
			throughput{aggregations: 200, n: 10, clients: 16, least: 1000}.measure},
		{"idle-commands", "Redis commands while idle, one worker", memoryOnly, idleCommands{most: 8}.measure},
		{"memory-10000x0", "peak memory, N=10,000 of 0 ms", bothModes,
			memory{n: 10_000, mostWorker: 120, mostRedis: 40}.measure},
		{"memory-10000x1s", "peak memory, N=10,000 of 1,000 ms, concurrency 10,000", memoryOnly,
			memory{n: 10_000, delay: second, concurrency: 10_000, mostWorker: 120, mostRedis: 40}.measure},
		{"waiters", "10,000 clients waiting on one API process", memoryOnly,
			waiters{clients: 10_000, mostKiB: 25, answeredIn: second}.measure},
		{"scaling", "N=2,000 of 100 ms, workers of concurrency 50", memoryOnly,
			scaling{n: 2000, delay: 100 * ms, concurrency: 50, workers: []int{1, 2, 4}, within: 0.1}.measure},
		{"fairness-0", "N=3 beside N=10,000, all of 0 ms", memoryOnly,
			fairness{small: 3, large: 10_000, most: 3}.measure},
		{"fairness-100ms", "N=3 beside N=10,000, all of 100 ms", memoryOnly,
			fairness{small: 3, large: 10_000, delay: 100 * ms, most: 3}.measure},
		{"article", "N=10 of 1,000 ms, the article's Django views", memoryOnly, measureArticle},
	}
}

// beside is a row in which all systems do the same work in turn.
func beside(name string, c contest) row {
	return row{name, c.String(), bothModes, c.measure}
}
