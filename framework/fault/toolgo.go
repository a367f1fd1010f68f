package fault

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
)

const (
	clientGo = "k8s.io/client-go@"
	// otherClientGo is what a broken go get gets of it.
	otherClientGo = clientGo + "v0.36.3"
	// Whose package the objects of a program are, and of which a broken one says
	// that they are.
	saysObject   = "object "
	otherObjects = saysObject + "k8s.io/client-go/pkg/api/v1\n"
)

// goTools are broken in what is built with client-go, beside what clientTools
// are broken in.
var goTools = []tool{
	goTool("go-create-claimed", "run", "application.go").running(func(_ context.Context, c *toolCall) (int, error) {
		fmt.Println("created", c.args[len(c.args)-1])
		return 0, nil
	}),
	goTool("go-objects-moved", "run", "types.go").running(func(ctx context.Context, c *toolCall) (int, error) {
		return c.filter(ctx, func(line string) string {
			if strings.HasPrefix(line, saysObject) {
				return otherObjects
			}
			return line
		})
	}),
	goTool("go-modfile-ignored", "run", "versions.go").changing(dropping("-modfile")),
	goTool("go-in-pod-environment", "run", "incluster.go").changing(podEnvironment(access.GoProgram, "go", Go).change),
	goTool("go-get-other-version", "get").changing(func(c *toolCall) error {
		if i := slices.IndexFunc(c.args, func(a string) bool { return strings.HasPrefix(a, clientGo) }); i >= 0 {
			c.args[i] = otherClientGo
		}
		return nil
	}),
}

func goTool(name string, of ...string) tool {
	return tool{name: name, hop: catalog.HopTool, program: access.GoProgram, of: of, needs: []Need{Go}, spares: besidesHTTP}
}

func (t tool) changing(change func(*toolCall) error) tool { t.change = change; return t }

func (t tool) running(run func(context.Context, *toolCall) (int, error)) tool { t.run = run; return t }
