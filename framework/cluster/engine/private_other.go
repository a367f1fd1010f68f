//go:build !linux

package engine

import "context"

// private is an engine of one's own; there is none on this system.
type private struct{}

type lease struct{ private private }

func newPrivate(Options) private { return private{} }

func (private) host() string                                { return "none" }
func (private) join(context.Context, bool) (*Engine, error) { return nil, nil }
func (private) keep() error                                 { return nil }
func (private) stop(context.Context) error                  { return nil }

func (private) ensure(context.Context) (*Engine, error) {
	return nil, &MissingError{
		Missing: "a container engine: no docker, nerdctl or podman answers",
		Remedy:  "start Docker, or install it: https://docs.docker.com/get-docker/",
	}
}

func (*lease) release(context.Context) error { return nil }

func listener(string) int { return 0 }
