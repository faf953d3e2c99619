package deploy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// load reads docker-compose.yml as Compose v2 does, without anything from the environment.
func load(t *testing.T, profiles ...string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{"../docker-compose.yml"},
		cli.WithName("gather"), cli.WithProfiles(profiles), cli.WithEnv(nil))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func TestCompose_Profiles(t *testing.T) {
	for profiles, want := range map[string]string{
		"":        "api redis worker",
		"demo":    "api redis upstream worker",
		"observe": "api grafana jaeger prometheus redis worker",
	} {
		names := load(t, profiles).ServiceNames()
		slices.Sort(names)
		if got := strings.Join(names, " "); got != want {
			t.Errorf("profile %q has %q, want %q", profiles, got, want)
		}
	}
}

func TestCompose_Services(t *testing.T) {
	services := load(t, "demo", "observe").Services
	for name, s := range services {
		t.Run(name, func(t *testing.T) {
			for _, port := range s.Ports {
				if port.HostIP != "127.0.0.1" {
					t.Errorf("port %d is open to other machines", port.Target)
				}
			}
			if s.Image != services["api"].Image && !strings.Contains(s.Image, ":") {
				t.Errorf("the image %s is without a version", s.Image)
			}
			if slices.Contains(s.Profiles, "observe") {
				return
			}
			if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
				t.Error("it may do more than it must")
			}
			if s.Restart != types.RestartPolicyUnlessStopped {
				t.Errorf("restart: %s", s.Restart)
			}
		})
	}
}

func TestCompose_Redis(t *testing.T) {
	project := load(t)
	redis := project.Services["redis"]
	command := strings.Join(redis.Command, " ")
	for _, want := range []string{"--appendonly yes", "--maxmemory-policy noeviction", "--maxmemory 1gb"} {
		if !strings.Contains(command, want) {
			t.Errorf("%q is not in %q", want, command)
		}
	}
	if len(redis.Volumes) != 1 || redis.Volumes[0].Type != "volume" || redis.Volumes[0].Target != "/data" {
		t.Errorf("volumes %+v", redis.Volumes)
	}
	if _, alone := redis.Networks["store"]; !alone || len(redis.Networks) != 1 || !project.Networks["store"].Internal {
		t.Errorf("it is in the networks %v", redis.Networks)
	}
	for _, name := range []string{"api", "worker"} {
		if on := project.Services[name].DependsOn["redis"]; on.Condition != types.ServiceConditionHealthy {
			t.Errorf("%s starts when redis is %q", name, on.Condition)
		}
	}
}

// TestCompose_Stop gives workers the time that they take at most: --stop-timeout, and 15 s
// for the last results.
func TestCompose_Stop(t *testing.T) {
	for name, least := range map[string]time.Duration{"api": 10 * time.Second, "worker": 25 * time.Second} {
		grace := load(t).Services[name].StopGracePeriod
		if grace == nil || time.Duration(*grace) < least {
			t.Errorf("%s gets %v to stop, want %v or more", name, grace, least)
		}
	}
}
