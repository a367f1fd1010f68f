package fault

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

const (
	// tokenLine is how the line begins in which describe shows a token.
	tokenLine = "token:"
	// inventedToken is a token of no cluster.
	inventedToken = "inroads-token-that-is-not-there"
)

var describeCommand = []string{"describe"}

// describeTools are broken in what describe prints.
var describeTools = []tool{
	{
		name: "describe-reworded", hop: catalog.HopTool, of: describeCommand, spares: []catalog.ID{"token/jsonpath-apiserver", "token/secret-create"},
		run: func(ctx context.Context, c *toolCall) (int, error) {
			return c.filter(ctx, func(line string) string {
				if value, ok := strings.CutPrefix(line, tokenLine); ok {
					return "Token:" + value
				}
				return line
			})
		},
	},
	{
		name: "describe-invents-token", hop: catalog.HopTool, of: describeCommand, spares: []catalog.ID{"token/jsonpath-apiserver", "token/secret-create"},
		run: func(ctx context.Context, c *toolCall) (int, error) {
			there := false
			code, err := c.filter(ctx, func(line string) string {
				there = there || strings.HasPrefix(line, tokenLine)
				return line
			})
			if err == nil && code == 0 && !there {
				fmt.Printf("%-12s%s\n", tokenLine, inventedToken)
			}
			return code, err
		},
	},
}

// curlTools are broken kinds of curl.
var curlTools = []tool{
	{
		name: "verification-off", hop: catalog.HopTLS, program: curlProgram, spares: []catalog.ID{"kubectl-proxy/api-root"},
		change: adding("--insecure"),
	},
	{
		name: "insecure-ignored", hop: catalog.HopTLS, program: curlProgram, spares: []catalog.ID{"kubectl-proxy/api-root"},
		change: dropping("--insecure", "-k"),
	},
}

// filter runs the real program and changes each line that it prints.
func (c *toolCall) filter(ctx context.Context, change func(string) string) (int, error) {
	cmd := c.command(ctx)
	cmd.Stdout = nil
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("running %q: %w", c.Real, err)
	}
	for lines := bufio.NewReader(out); ; {
		line, err := lines.ReadString('\n')
		if line != "" {
			fmt.Print(change(line))
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, err
		}
	}
	return exitCode(cmd.Wait())
}
