package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/inroads-k8s/inroads/reports"
)

// eventsFile is the name of the FIFO.
const eventsFile = "events"

// listener hears the events of a run, whichever process they come from.
type listener struct {
	// path is that of the FIFO to append to.
	path  string
	keep  *os.File
	heard sync.WaitGroup
}

// listen makes a FIFO in the folder and calls hear for each event, and secret for
// each credential of the run, in one goroutine, until close.
func listen(dir string, hear func(reports.Event), secret func(string)) (l *listener, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("listening for events: %w", err)
		}
	}()
	l = &listener{path: filepath.Join(dir, eventsFile)}
	if err := unix.Mkfifo(l.path, 0o600); err != nil {
		return nil, err
	}
	// While this end is open the reader below sees no end, whether or not a
	// spec is writing just then.
	if l.keep, err = os.OpenFile(l.path, os.O_RDWR, 0); err != nil {
		return nil, err
	}
	reader, err := os.Open(l.path)
	if err != nil {
		return nil, errors.Join(err, l.keep.Close())
	}
	l.heard.Go(func() {
		defer func() { _ = reader.Close() }()
		for lines := bufio.NewScanner(reader); lines.Scan(); {
			var e reports.Told
			switch {
			case json.Unmarshal(lines.Bytes(), &e) != nil:
			case e.Secret != "":
				secret(e.Secret)
			default:
				hear(e.Event)
			}
		}
	})
	return l, nil
}

// close returns when every event has been heard.
func (l *listener) close() {
	_ = l.keep.Close()
	l.heard.Wait()
}
