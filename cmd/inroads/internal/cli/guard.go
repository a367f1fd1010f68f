package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/inroads-k8s/inroads/framework/probe"
)

const (
	// sampleTime is how often the arguments of the run's processes are looked at.
	sampleTime = 100 * time.Millisecond
	// onTerminal names what the run has printed.
	onTerminal = "what was printed"
	// inArguments names the arguments of programs, which other users can read.
	inArguments = "the arguments of "
	// documentedShell begins the arguments of the shell that runs the page's own
	// commands, which put a ServiceAccount's token into their arguments.
	documentedShell = "bash\x00--noprofile\x00--norc\x00-e\x00-c\x00"
)

// guard looks for the credentials of a run in everything that the run writes. They
// are in the memory of this process alone.
type guard struct {
	secrets *probe.Secrets
	// looking is held by a sample, mu by whoever has what follows it.
	looking sync.Mutex
	mu      sync.Mutex
	printed bytes.Buffer
	// commands are the arguments that were seen, and whether a documented command
	// was the program or has started it.
	commands map[string]bool
	// processes has those of this machine that were there at the last look.
	processes map[int]process
	ended     chan struct{}
	sampling  sync.WaitGroup
	once      sync.Once
	// took is how long the search was.
	took time.Duration
}

// process is what is known of a process since it was first seen: who has started
// it, whether that was the run, and whether it was the shell of a documented command
// or is one of its descendants; it may have become the last program of it since.
type process struct {
	parent          int
	own, documented bool
}

// newGuard begins to look, also at what goes to the streams from now on.
func newGuard(s *Streams) *guard {
	g := &guard{secrets: probe.KnownSecrets(), commands: map[string]bool{}, processes: map[int]process{}, ended: make(chan struct{})}
	s.Out, s.Err = g.hears(s.Out), g.hears(s.Err)
	g.sampling.Go(func() {
		tick := time.NewTicker(sampleTime)
		defer tick.Stop()
		for {
			select {
			case <-g.ended:
				return
			case <-tick.C:
				g.sample()
			}
		}
	})
	return g
}

// add notes a credential that another process of the run has seen.
func (g *guard) add(value string) {
	if g != nil {
		g.secrets.Add(value)
	}
}

// stop ends the look at processes.
func (g *guard) stop() {
	if g != nil {
		g.once.Do(func() { close(g.ended) })
		g.sampling.Wait()
	}
}

// hears returns a writer that keeps what goes to the other one.
func (g *guard) hears(out io.Writer) io.Writer { return heard{g, out} }

type heard struct {
	g   *guard
	out io.Writer
}

func (h heard) Write(p []byte) (int, error) {
	h.g.mu.Lock()
	h.g.printed.Write(p)
	h.g.mu.Unlock()
	return h.out.Write(p)
}

// cleaned returns the report without the credentials, so that it can be written
// again.
func cleaned[T any](g *guard, report T) (clean T, err error) {
	raw, err := json.Marshal(report)
	if err == nil {
		err = json.Unmarshal([]byte(g.secrets.Search().Remove(string(raw))), &clean)
	}
	if err != nil {
		return clean, fmt.Errorf("removing credentials from the report: %w", err)
	}
	return clean, nil
}

// sought says what the search was, in words.
func (g *guard) sought(leaks []string) string {
	return fmt.Sprintf("credentials: %d of the run looked for in all that it wrote, %d leaks, in %s", g.secrets.Len(), len(leaks), g.took.Round(time.Millisecond))
}

// leaked is how a run ends that has leaked a credential, whatever else came of it.
func leaked(leaks []string, otherwise error) *exitError {
	failure := &exitError{code: ExitInconclusive, cause: "a credential of the run leaked: " + strings.Join(leaks, "; "), next: "it is removed from the files; take it for known, and report this as a defect of inroads"}
	if exit := (*exitError)(nil); errors.As(otherwise, &exit) && exit.cause != "" {
		failure.before = append(exit.before, exit.Error())
	}
	return failure
}

// search looks for the credentials in the files of the folder, in what was printed
// and in the arguments of processes. It returns what it found, in words, and has
// taken it out of the files.
func (g *guard) search(artifacts string) (leaks []string, err error) {
	if g == nil {
		return nil, nil
	}
	g.stop()
	began := time.Now()
	defer func() { g.took = time.Since(began) }()
	search := g.secrets.Search()
	err = filepath.WalkDir(artifacts, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		kinds := search.Find(string(raw))
		if len(kinds) == 0 {
			return nil
		}
		name, _ := filepath.Rel(artifacts, path)
		for _, kind := range kinds {
			leaks = append(leaks, kind+" in "+name)
		}
		return os.WriteFile(path, []byte(search.Remove(string(raw))), 0o600)
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return leaks, fmt.Errorf("looking for credentials in the artifacts: %w", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, kind := range search.Find(g.printed.String()) {
		leaks = append(leaks, kind+" in "+onTerminal)
	}
	for command, documented := range g.commands {
		for _, kind := range search.Find(command) {
			if documented && kind == probe.KindServiceAccountToken {
				continue
			}
			program, _, _ := strings.Cut(command, "\x00")
			leaks = append(leaks, kind+" in "+inArguments+filepath.Base(program))
		}
	}
	slices.Sort(leaks)
	return slices.Compact(leaks), nil
}
