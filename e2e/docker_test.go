package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// dockerBound is how long one command of Docker may take: a build is one, too.
const dockerBound = 10 * time.Minute

// docker runs a command of Docker that has to succeed, and returns what it prints.
func docker(tb testing.TB, args ...string) string {
	tb.Helper()
	out, err := tryDocker(args...)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

func tryDocker(args ...string) (string, error) {
	return execute(os.Environ(), append([]string{"docker"}, args...)...)
}

// execute runs a command and returns its standard output without the white space around it.
func execute(env []string, command ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), dockerBound)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	var stderr output
	cmd.Env, cmd.Stderr = env, &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s%s", strings.Join(command, " "), err, out, stderr.tail())
	}
	return strings.TrimSpace(string(out)), nil
}

// composition is docker-compose.yml as a project of its own, which ends with its test. Its
// client talks to the published port.
type composition struct {
	*client
	project string
	image   string
	command []string // docker compose, or docker-compose
	env     []string
}

// newComposition prepares a project with the profile demo and the given variables, and starts
// nothing.
func newComposition(tb testing.TB, variables ...string) *composition {
	tb.Helper()
	project := fmt.Sprintf("gather-test-%d", os.Getpid())
	address := closedPort(tb) // a port that Docker chose would be another one after a restart
	nothing := filepath.Join(tb.TempDir(), "env")
	if err := os.WriteFile(nothing, nil, 0o600); err != nil {
		tb.Fatal(err)
	}
	c := &composition{
		client: newClient(tb, "http://"+address), project: project, image: project,
		command: append(composeCommand(tb), "--project-name", project, "--env-file", nothing,
			"--file", "../docker-compose.yml", "--profile", "demo"),
		env: append(withoutGather(os.Environ()), "GATHER_IMAGE="+project, "GATHER_PUBLISH="+address),
	}
	c.env = append(c.env, variables...)
	before := scraps(tb)
	tb.Cleanup(func() { c.remove(tb, before) })
	return c
}

// composeCommand is Compose v2 where Docker has it, otherwise docker-compose.
func composeCommand(tb testing.TB) []string {
	if _, err := tryDocker("compose", "version"); err == nil {
		return []string{"docker", "compose"}
	}
	if _, err := exec.LookPath("docker-compose"); err != nil {
		tb.Fatal("neither docker compose nor docker-compose is there")
	}
	return []string{"docker-compose"}
}

// compose runs a command of Compose on the project.
func (c *composition) compose(tb testing.TB, args ...string) string {
	tb.Helper()
	out, err := execute(c.env, append(c.command[:len(c.command):len(c.command)], args...)...)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// up starts what does not run, with so many workers, and waits until the API sees them.
func (c *composition) up(tb testing.TB, workers int, args ...string) {
	tb.Helper()
	c.compose(tb, append([]string{"up", "--detach", "--scale", fmt.Sprintf("worker=%d", workers)}, args...)...)
	c.ready(tb, workers)
}

// containers are the ids of the service's containers that run.
func (c *composition) containers(tb testing.TB, service string) []string {
	tb.Helper()
	return strings.Fields(docker(tb, "ps", "--quiet", "--no-trunc",
		"--filter", "label=com.docker.compose.project="+c.project,
		"--filter", "label=com.docker.compose.service="+service))
}

// remove ends the project and leaves nothing of it: no container, network, volume or image.
// Scraps that were there before stay.
func (c *composition) remove(tb testing.TB, before map[string][]string) {
	if tb.Failed() {
		logs, _ := execute(c.env, append(c.command, "logs", "--no-color", "--tail", "30")...)
		tb.Logf("the services wrote:\n%s", logs)
	}
	if _, err := execute(c.env, append(c.command, "down", "--volumes", "--remove-orphans", "--timeout", "1")...); err != nil {
		tb.Error(err)
	}
	_, _ = tryDocker("image", "rm", c.image) // it is not there where the build has failed
	after := scraps(tb)
	for _, kind := range []string{"container", "image"} { // an image that has a container stays
		for _, id := range after[kind] {
			if !slices.Contains(before[kind], id) {
				_, _ = tryDocker(kind, "rm", id)
			}
		}
	}
	for _, kind := range []string{"container", "network", "volume"} {
		args := []string{kind, "ls", "--quiet", "--filter", "label=com.docker.compose.project=" + c.project}
		if left := docker(tb, args...); left != "" {
			tb.Errorf("there is a %s left: %s", kind, left)
		}
	}
}

// scraps are what builds on the base image leave: stages that have no name, and steps that failed.
func scraps(tb testing.TB) map[string][]string {
	tb.Helper()
	base, err := tryDocker("image", "inspect", "--format", "{{.Id}}", golangImage)
	if err != nil {
		return nil
	}
	containers := docker(tb, "container", "ls", "--quiet", "--no-trunc", "--filter", "status=exited", "--filter", "ancestor="+base)
	var images []string
	for _, id := range strings.Fields(docker(tb, "image", "ls", "--quiet", "--no-trunc", "--filter", "dangling=true")) {
		if history, _ := tryDocker("history", "--quiet", "--no-trunc", id); strings.Contains(history, base) {
			images = append(images, id)
		}
	}
	return map[string][]string{"container": strings.Fields(containers), "image": images}
}
