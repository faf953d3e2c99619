package tasks

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

// TestQueues_deployed holds what Kubernetes scales the workers by against the queues that there are.
func TestQueues_deployed(t *testing.T) {
	text, err := os.ReadFile("../deploy/kubernetes/keda/scaledobject.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for queue := range queueWeights {
		want = append(want, "asynq:{"+queue+"}:active", "asynq:{"+queue+"}:pending")
	}
	for _, found := range regexp.MustCompile(`listName: "(.*?)"`).FindAllSubmatch(text, -1) {
		got = append(got, string(found[1]))
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("it counts the lists %q, and the queues have %q", got, want)
	}
}
