package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// answerTimeout is how long an engine may take to answer a question about itself.
const answerTimeout = 15 * time.Second

// errPoses tells that another engine's client has the name docker.
var errPoses = errors.New("docker is not Docker's client")

// ambient returns the engine that the environment reaches, nil when there is
// none. The order is kind's own.
func ambient(ctx context.Context, o Options) (*Engine, error) {
	wanted := os.Getenv(envProvider)
	names := []string{Docker, Nerdctl, Finch, Podman}
	switch wanted {
	case "":
	case Docker, Nerdctl, Finch, Podman:
		names = []string{wanted}
	default:
		return nil, &MissingError{
			Missing: fmt.Sprintf("an engine called %q, which %s names", wanted, envProvider),
			Remedy:  fmt.Sprintf("set %s to one of %s, or unset it", envProvider, strings.Join(names, ", ")),
		}
	}
	for _, name := range names {
		e, err := ask(ctx, name)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("looking for a container engine: %w", ctx.Err())
		}
		if err == nil {
			return e, nil
		}
		if errors.Is(err, errPoses) && wanted == "" {
			continue // that engine's turn comes
		}
		setting, value := named(ctx, name)
		if setting != "" && errors.Is(err, exec.ErrNotFound) {
			return nil, &MissingError{
				Missing: fmt.Sprintf("Docker's client, to reach the engine %q, which %s names", value, setting),
				Remedy:  "sudo apt-get install docker.io, or see https://docs.docker.com/engine/install/",
			}
		}
		if setting != "" {
			return nil, &MissingError{
				Missing: fmt.Sprintf("the engine %q, which %s names: %v", value, setting, err),
				Remedy:  "start that engine, or choose another: " + unset(setting),
			}
		}
		if denied(err) {
			return nil, &MissingError{
				Missing: fmt.Sprintf("permission to use %s: %v", name, err),
				Remedy:  "sudo usermod -aG docker \"$USER\", then log in again; or run as root",
			}
		}
		if wanted != "" && wanted != Docker {
			return nil, &MissingError{
				Missing: fmt.Sprintf("%s, which %s names: %v", name, envProvider, err),
				Remedy:  fmt.Sprintf("install or start %s, or unset %s", name, envProvider),
			}
		}
		if _, notFound := exec.LookPath(name); notFound == nil {
			o.logf("%s is installed but does not answer: %v", name, err)
		}
	}
	return nil, nil
}

// named returns the setting of the user's that names an engine of Docker's, and
// its value; both are empty when none does and the default socket is meant.
func named(ctx context.Context, name string) (setting, value string) {
	if name != Docker {
		return "", ""
	}
	// In the order in which Docker's client looks.
	if host := os.Getenv(envHost); host != "" {
		return envHost, host
	}
	if context := os.Getenv(envContext); context != "" && context != "default" {
		return envContext, context
	}
	out, err := output(exec.CommandContext(ctx, Docker, "context", "show"))
	if context := strings.TrimSpace(out); err == nil && context != "" && context != "default" {
		return "Docker's configuration", context
	}
	return "", ""
}

func unset(setting string) string {
	if setting == envHost || setting == envContext {
		return "unset " + setting
	}
	return "docker context use default"
}

func denied(err error) bool {
	return strings.Contains(strings.ToLower(err.Error()), "permission denied")
}

// ask returns the engine of that name when it answers.
func ask(ctx context.Context, name string) (*Engine, error) {
	return (&Engine{Name: name}).ask(ctx)
}

// ask fills in version and sandbox from the engine's own account.
func (e *Engine) ask(ctx context.Context) (*Engine, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	if e.Name == Docker {
		// Where podman poses as docker, kind goes by what it says of itself.
		if out, err := e.output(ctx, "-v"); err != nil {
			return nil, err
		} else if !strings.HasPrefix(out, "Docker version") {
			return nil, fmt.Errorf("%w but %q", errPoses, strings.TrimSpace(out))
		}
	}
	format := "{{json .}}"
	if e.Name == Podman {
		format = "json"
	}
	out, err := e.output(ctx, "info", "--format", format)
	if err != nil {
		return nil, explain(out, err)
	}
	about, err := parseInfo(e.Name, []byte(out))
	if err != nil {
		return nil, err
	}
	e.Version = about.version
	e.Sandbox = sandbox(about, e.Private, e.socket(ctx))
	return e, nil
}

// explain adds what the client says about its server, which it prints among the
// information rather than as an error.
func explain(out string, err error) error {
	var info dockerInfo
	if json.Unmarshal([]byte(out), &info) == nil && len(info.ServerErrors) > 0 {
		return fmt.Errorf("%w: %s", err, oneLine(strings.Join(info.ServerErrors, "; ")))
	}
	return err
}

// socket returns the path of the engine's Unix socket, empty when it has none or
// is not Docker.
func (e *Engine) socket(ctx context.Context) string {
	host := cmp.Or(e.Host, os.Getenv(envHost))
	if e.Name != Docker {
		return ""
	}
	if host == "" {
		out, err := e.output(ctx, "context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
		if err != nil {
			return ""
		}
		host = strings.TrimSpace(out)
	}
	path, ok := strings.CutPrefix(host, "unix://")
	if !ok {
		return ""
	}
	return path
}

// about is what this package wants to know of an engine.
type about struct {
	version string
	cgroup  string // "1", "2", or empty when the engine does not say
	// rootless tells that the engine itself runs without root's powers.
	rootless bool
}

// dockerInfo is the part of `docker info` and `nerdctl info` that is read.
type dockerInfo struct {
	ServerVersion   string
	CgroupVersion   string
	SecurityOptions []string
	ServerErrors    []string
}

// podmanInfo is the part of `podman info` that is read.
type podmanInfo struct {
	Host struct {
		CgroupVersion string `json:"cgroupVersion"`
		Security      struct {
			Rootless bool `json:"rootless"`
		} `json:"security"`
	} `json:"host"`
	Version struct {
		Version string `json:"Version"`
	} `json:"version"`
}

func parseInfo(name string, data []byte) (about, error) {
	if name == Podman {
		var info podmanInfo
		if err := json.Unmarshal(data, &info); err != nil {
			return about{}, fmt.Errorf("reading what %s tells of itself: %w", name, err)
		}
		return about{
			version:  info.Version.Version,
			cgroup:   strings.TrimPrefix(info.Host.CgroupVersion, "v"),
			rootless: info.Host.Security.Rootless,
		}, nil
	}
	var info dockerInfo
	if err := json.Unmarshal(data, &info); err != nil {
		return about{}, fmt.Errorf("reading what %s tells of itself: %w", name, err)
	}
	// Clients of some versions exit with 0 though no server answered.
	if len(info.ServerErrors) > 0 {
		return about{}, fmt.Errorf("asking %s about itself: %s", name, oneLine(strings.Join(info.ServerErrors, "; ")))
	}
	if info.ServerVersion == "" {
		return about{}, fmt.Errorf("asking %s about itself: it tells no server version", name)
	}
	a := about{version: info.ServerVersion, cgroup: strings.TrimPrefix(info.CgroupVersion, "v")}
	for _, option := range info.SecurityOptions {
		a.rootless = a.rootless || strings.HasPrefix(option, "name=rootless") || option == "rootless"
	}
	return a, nil
}
