package nodeimage

import (
	"context"
	"fmt"
	"go/version"
	"strings"
)

// switchingGo is the first Go that fetches another one when told to.
const switchingGo = "go1.21"

// ownToolchain makes go compile itself and fetch no other.
const ownToolchain = "local"

// toolchain is the Go that compiles.
type toolchain struct {
	// version is as "go version" tells it: "go1.26.8".
	version string
	// selection is the value of GOTOOLCHAIN that makes the machine's go be it.
	selection string
}

// chooseToolchain takes the machine's own Go, or in place of one that is older
// than the modules need the very one that they need.
func chooseToolchain(own, needed string) (toolchain, error) {
	switch {
	case version.Compare(own, needed) >= 0:
		return toolchain{own, ownToolchain}, nil
	case version.Compare(own, switchingGo) >= 0:
		return toolchain{needed, needed}, nil
	}
	return toolchain{}, &MissingError{"the Go toolchain in PATH is " + own, goRemedy(needed)}
}

func goRemedy(needed string) string {
	return fmt.Sprintf("install %s or newer and put its bin folder into PATH", needed)
}

// findToolchain asks the machine's Go for its version.
func findToolchain(ctx context.Context, modules []module) (toolchain, error) {
	needed := ""
	for _, m := range modules {
		v, err := goDirective(m.pins)
		if err != nil {
			return toolchain{}, err
		}
		if version.Compare("go"+v, needed) > 0 {
			needed = "go" + v
		}
	}
	own, err := toolchain{selection: ownToolchain}.ask(ctx)
	if ctx.Err() != nil {
		return toolchain{}, err
	}
	if err != nil {
		return toolchain{}, &MissingError{"no Go toolchain in PATH", goRemedy(needed)}
	}
	return chooseToolchain(own, needed)
}

// ask gives the version of the Go that t selects, which go fetches through the
// module proxy when it is not the machine's own.
func (t toolchain) ask(ctx context.Context) (string, error) {
	out, err := command{argv: []string{"go", "env", "GOVERSION"}, env: []string{"GOTOOLCHAIN=" + t.selection}}.run(ctx)
	if err != nil {
		return "", err
	}
	v, _, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	return v, nil
}

// fetch makes sure that the toolchain is there.
func (t toolchain) fetch(ctx context.Context, logf func(string, ...any)) error {
	if t.selection == ownToolchain {
		return ctx.Err()
	}
	logf("compiling with %s through GOTOOLCHAIN, because the Go in PATH is older than the modules need", t.version)
	_, err := t.ask(ctx)
	if err != nil && ctx.Err() == nil {
		return &MissingError{fmt.Sprintf("%s cannot be fetched (%v)", t.version, err), goRemedy(t.version)}
	}
	return err
}
