package engine

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// runtimeName begins the name under which this program is an OCI runtime.
const runtimeName = "inroads-oci-runtime-"

// runtimeLinked tells that the program called RuntimeMain. A program that did not
// would, as a runtime, do its ordinary work instead: start an engine, and so on.
var runtimeLinked bool

// RuntimeMain makes the calling program an OCI runtime when it was started under
// such a name, and then does not return. Otherwise it returns at once. It must be
// the first thing that main, or TestMain, does.
//
// The runtime is runc without the capabilities that are not in the runtime's own
// bounding set. Without that, runc refuses privileged containers on a machine
// that itself is a container without some capability.
func RuntimeMain() {
	runtimeLinked = true
	if !strings.HasPrefix(filepath.Base(os.Args[0]), runtimeName) {
		return
	}
	if err := runtimeMain(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func runtimeMain(args []string) error {
	runc, err := exec.LookPath("runc")
	if err != nil {
		return fmt.Errorf("finding runc: %w", err)
	}
	file, path := runtimeFile(args)
	if file != "" {
		own, _, err := ownBounding()
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

// runtimeFile returns the file that a command of runc's takes the capabilities of
// the new process from, and the path of the process within that file. The file
// is empty when the command starts no process, or not from a file.
func runtimeFile(args []string) (file string, path []string) {
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
func confine(file string, path []string, allowed capabilities) error {
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
func withoutCapabilities(data []byte, path []string, allowed capabilities) (out []byte, changed bool, err error) {
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
		out, err = json.Marshal(object)
		return out, true, err
	}
	for set, raw := range object {
		var names []string
		if err := json.Unmarshal(raw, &names); err != nil {
			return nil, false, fmt.Errorf("reading capabilities %q: %w", set, err)
		}
		kept := []string{}
		for _, name := range names {
			if number, known := capabilityNumbers[name]; !known || allowed.has(number) {
				kept = append(kept, name)
			}
		}
		if len(kept) == len(names) {
			continue
		}
		changed = true
		if object[set], err = json.Marshal(kept); err != nil {
			return nil, false, err
		}
	}
	if !changed {
		return data, false, nil
	}
	out, err = json.Marshal(object)
	return out, true, err
}

// capabilityNumbers has the number of each capability, see capabilities(7) and
// linux/capability.h.
var capabilityNumbers = func() map[string]int {
	names := []string{
		"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
		"LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
		"SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
		"SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
		"MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
		"CHECKPOINT_RESTORE",
	}
	numbers := make(map[string]int, len(names))
	for number, name := range names {
		numbers["CAP_"+name] = number
	}
	return numbers
}()
