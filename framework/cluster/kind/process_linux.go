package kind

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
)

// processWith is whether a process of this machine was started with the argument.
// It need not be a child of this one: those of a killed run live on without it.
func processWith(argument string) bool {
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	return slices.ContainsFunc(lines, func(path string) bool {
		line, _ := os.ReadFile(path) // of a process that ended meanwhile, nothing
		return slices.ContainsFunc(bytes.Split(line, []byte{0}), func(a []byte) bool { return string(a) == argument })
	})
}
