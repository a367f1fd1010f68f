// Package ociruntime makes every program that links it an OCI runtime when it is
// started under a name that begins with NamePrefix: runc, without the
// capabilities that are not in the runtime's own bounding set. Without that, runc
// refuses privileged containers on a machine that is itself a container without
// some capability.
//
// It acts in its init function, and imports the standard library alone, because
// packages are initialised in the order of their import paths, each after what it
// imports: so a container does not wait, several times over, for the
// initialisation of a program that has all of Kubernetes' clients linked in.
package ociruntime

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/inroads-k8s/inroads/framework/cluster/engine/internal/capability"
)

// NamePrefix begins the name of a program's file that is to be a runtime.
const NamePrefix = "inroads-oci-runtime-"

func init() {
	if len(os.Args) == 0 || !strings.HasPrefix(filepath.Base(os.Args[0]), NamePrefix) {
		return
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run becomes runc, once the process to be started is confined.
func run(args []string) error {
	runc, err := exec.LookPath("runc")
	if err != nil {
		return fmt.Errorf("finding runc: %w", err)
	}
	file, path := processFile(args)
	if file != "" {
		own, err := capability.Bounding("self")
		if err != nil {
			return fmt.Errorf("reading own capabilities: %w", err)
		}
		if err := confine(file, path, own); err != nil {
			return fmt.Errorf("confining %q: %w", file, err)
		}
	}
	if err := syscall.Exec(runc, append([]string{runc}, args...), os.Environ()); err != nil {
		return fmt.Errorf("running %q: %w", runc, err)
	}
	return nil
}

// processFile returns the file that a command of runc's takes the capabilities of
// the new process from, and the path of the process within that file. The file
// is empty when the command starts no process, or not from a file.
func processFile(args []string) (file string, path []string) {
	command, rest := "", []string(nil)
	for i := 0; i < len(args); i++ {
		switch arg := args[i]; {
		case arg == "--root" || arg == "--log" || arg == "--log-format" || arg == "--criu" || arg == "--rootless":
			i++ // global options with a value of their own
		case !strings.HasPrefix(arg, "-"):
			command, rest = arg, args[i+1:]
			i = len(args)
		}
	}
	switch command {
	case "create", "run", "restore":
		bundle, ok := option(rest, "--bundle", "-b")
		if !ok {
			bundle = "."
		}
		return filepath.Join(bundle, "config.json"), []string{"process"}
	case "exec":
		file, _ := option(rest, "--process", "-p")
		return file, nil
	}
	return "", nil
}

// option returns the value of a command line option.
func option(args []string, names ...string) (string, bool) {
	for i, arg := range args {
		if arg == "--" {
			break
		}
		for _, name := range names {
			if arg == name && i+1 < len(args) {
				return args[i+1], true
			}
			if value, ok := strings.CutPrefix(arg, name+"="); ok {
				return value, true
			}
		}
	}
	return "", false
}

// confine removes from the process at path within the JSON file all capabilities
// that are not allowed. It writes the file only when that changes something.
func confine(file string, path []string, allowed capability.Set) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	out, changed, err := withoutCapabilities(data, append(path, "capabilities"), allowed)
	if err != nil || !changed {
		return err
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(file), ".confined-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(out)
	if e := temp.Chmod(info.Mode().Perm()); err == nil {
		err = e
	}
	if e := temp.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return os.Rename(temp.Name(), file)
}

// withoutCapabilities returns the JSON document with the sets of capabilities at
// path cut down to those allowed. All other values stay as they are.
func withoutCapabilities(data []byte, path []string, allowed capability.Set) (out []byte, changed bool, err error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil {
		return nil, false, fmt.Errorf("reading JSON: %w", err)
	}
	if len(path) > 0 {
		inner, ok := object[path[0]]
		if !ok || string(inner) == "null" {
			return data, false, nil
		}
		if inner, changed, err = withoutCapabilities(inner, path[1:], allowed); err != nil || !changed {
			return data, false, err
		}
		object[path[0]] = inner
		out, err = marshal(object)
		return out, true, err
	}
	for set, raw := range object {
		var names []string
		if err := json.Unmarshal(raw, &names); err != nil {
			return nil, false, fmt.Errorf("reading capabilities %q: %w", set, err)
		}
		kept := []string{}
		for _, name := range names {
			if number, known := capability.Numbers[name]; !known || allowed.Has(number) {
				kept = append(kept, name)
			}
		}
		if len(kept) == len(names) {
			continue
		}
		changed = true
		if object[set], err = marshal(kept); err != nil {
			return nil, false, err
		}
	}
	if !changed {
		return data, false, nil
	}
	out, err = marshal(object)
	return out, true, err
}

// marshal is json.Marshal without the escapes that are for HTML.
func marshal(value any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err := e.Encode(value)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}
