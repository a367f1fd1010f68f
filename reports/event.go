package reports

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

// EnvEvents names the environment variable with the path of the file or FIFO
// to which a run appends its events as they happen.
const EnvEvents = "INROADS_EVENTS"

// maxEventReason keeps an event below the 4096 bytes that a pipe takes in one
// piece, whoever else writes to it, however the reason is escaped.
const maxEventReason = 512

// Event is the beginning of the spec of one claim, or its verdict as soon as that
// is known.
type Event struct {
	Claim catalog.ID `json:"claim"`
	// Started is whether the spec begins; there is no verdict then.
	Started  bool            `json:"started,omitempty"`
	Verdict  catalog.Verdict `json:"verdict,omitempty"`
	Reason   string          `json:"reason,omitempty"`
	Duration Duration        `json:"duration"`
}

// AppendEvent writes the event as one line of JSON, in a single write, to the
// end of the existing file or FIFO at path. The zero Event is nothing to tell. An
// empty path is nobody listening, and so is a FIFO without a reader: neither is
// an error.
func AppendEvent(path string, e Event) error {
	if path == "" || e == (Event{}) {
		return nil
	}
	e.Reason = clip(clean(e.Reason), maxEventReason)
	return appendLine(path, e)
}

// Told is a line of the events: that of an Event, or of a credential that must be
// in nothing that the run writes.
type Told struct {
	Event
	Secret string `json:"secret,omitempty"`
}

// AppendSecret tells of a credential as AppendEvent does of an event: to a FIFO
// alone, which keeps nothing on disk.
func AppendSecret(path, value string) error {
	info, err := os.Stat(path)
	if err != nil || info.Mode().Type() != os.ModeNamedPipe {
		return err
	}
	return appendLine(path, Told{Secret: value})
}

func appendLine(path string, what any) error {
	line, err := json.Marshal(what)
	if err != nil {
		return fmt.Errorf("writing an event: %w", err)
	}
	// Without O_NONBLOCK, opening a FIFO that nobody reads would wait forever.
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|syscall.O_NONBLOCK, 0)
	if err != nil {
		if errIsNoReader(err) {
			return nil
		}
		return fmt.Errorf("writing an event: %w", err)
	}
	_, err = f.Write(append(line, '\n'))
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil && !errIsNoReader(err) {
		return fmt.Errorf("writing an event: %w", err)
	}
	return nil
}

// errIsNoReader is whether the error says that nobody reads the FIFO.
func errIsNoReader(err error) bool {
	return errors.Is(err, syscall.ENXIO) || errors.Is(err, syscall.EPIPE)
}
