package kind

import (
	"os"
	"os/exec"
	"testing"
)

func TestProcessWith(t *testing.T) {
	const argument = "label=of-a-test"
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "read line", argument)
	cmd.Stdin = in
	if err := cmd.Start(); err != nil {
		t.Skip("no shell")
	}
	if !processWith(argument) || processWith("label=of-another") {
		t.Error("the child was not told by its argument")
	}
	out.Close()
	_ = cmd.Wait() // read meets the end of its input
	if processWith(argument) {
		t.Error("a child that ended is still there")
	}
}
