package reports

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

// MeasurementKind is the kind of the Measurement type.
const MeasurementKind = "Measurement"

// Measurement is what requests by several ways into one cluster took. Everything
// in it is redacted.
type Measurement struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Tool       Tool   `json:"tool"`
	// Started and Finished bound the measuring, in UTC.
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished,omitzero"`
	// Interrupted is whether a person or a signal stopped it.
	Interrupted bool    `json:"interrupted,omitempty"`
	Cluster     Cluster `json:"cluster"`
	Terms       Terms   `json:"terms"`
	// Requests are all that were made, those of the warm-up and those that failed
	// among them.
	Requests int64 `json:"requests"`
	// Ways are in the order in which they took turns.
	Ways []MeasuredWay `json:"ways"`
	// CleanUp is what could not be removed, in one line, or "".
	CleanUp string `json:"cleanUpFailure,omitempty"`
}

// Loop says when a caller makes its next request.
type Loop string

const (
	// ClosedLoop: once the one before is answered. While an answer is late nobody
	// asks, so that the requests which would have been late too are missing: high
	// percentiles read lower than users at a rate of their own would see them.
	ClosedLoop Loop = "closed"
	// PacedLoop: at its time, whatever became of the others. Latency counts from
	// that time on, and so has the wait for a connection in it.
	PacedLoop Loop = "paced"
)

// Terms are what was asked of each way, at each concurrency.
type Terms struct {
	Loop Loop `json:"loop"`
	// Rate is how many requests a second were to begin, 0 in a closed loop.
	Rate float64 `json:"rate,omitempty"`
	// Concurrency is how many requests were under way at a time, one run for each.
	Concurrency []int `json:"concurrency"`
	// Rounds are the turns of each way; Duration is the time of all of them together.
	Rounds   int      `json:"rounds"`
	Duration Duration `json:"duration"`
	// Requests is the most of a run.
	Requests int `json:"requests"`
	// Errors is how many end a way.
	Errors int `json:"errors"`
	// Body is the size of the large body, in bytes.
	Body int64 `json:"body"`
}

// MeasuredWay is one way in under one load.
type MeasuredWay struct {
	// Name is that of the way, unique under its load, and About what it is.
	Name  string `json:"name"`
	About string `json:"about"`
	// Load is what is asked for: "api", "backend" or "transfer".
	Load string `json:"load"`
	// NotApplicable is why there is no such way here, or "".
	NotApplicable string `json:"notApplicable,omitempty"`
	// Stopped is why the way was given up before its end, or "".
	Stopped string `json:"stopped,omitempty"`
	// Runs has one for each concurrency that was come to.
	Runs []MeasuredRun `json:"runs,omitempty"`
}

// MeasuredRun is one way at one concurrency, over all rounds.
type MeasuredRun struct {
	Concurrency int `json:"concurrency"`
	// Errors are the requests that got no answer or one that is no success, of
	// which Error is the first, in words, or "".
	Errors int64  `json:"errors,omitempty"`
	Error  string `json:"error,omitempty"`
	// Throttled are the answers of 429, after which all ways waited. They are no
	// errors.
	Throttled int64 `json:"throttled,omitempty"`
	// Unsent are the requests that the rate asked for and that found no connection
	// free before their round was over.
	Unsent int64 `json:"unsent,omitempty"`
	// Whole is the time from the beginning of a request, or from when it was to
	// begin, to the last byte of its answer.
	Whole Latency `json:"whole"`
	// Hops are the parts of that time, in the order in which they come. A hop that
	// few requests pass, such as a connection that is kept, has fewer.
	Hops []HopLatency `json:"hops"`
	// PerSecond are the answers, and BytesPerSecond the bytes of their bodies, over
	// the rounds.
	PerSecond      Spread `json:"perSecond"`
	BytesPerSecond Spread `json:"bytesPerSecond"`
	// Over compares the median with that of another way, nil for the one that the
	// others are compared with.
	Over *Comparison `json:"over,omitempty"`
	// Distribution is the whole latency by percentile, for a plot.
	Distribution []Percentile `json:"distribution,omitempty"`
}

// Microseconds is a time in microseconds.
type Microseconds int64

// String returns it in milliseconds.
func (m Microseconds) String() string {
	ms := float64(m) / 1000
	switch {
	case ms >= 100:
		return fmt.Sprintf("%.0fms", ms)
	case ms >= 10:
		return fmt.Sprintf("%.1fms", ms)
	}
	return fmt.Sprintf("%.2fms", ms)
}

// Latency is the distribution of a time in short, in microseconds, each exact to
// three digits. All are zero where N is.
type Latency struct {
	N   int64        `json:"n"`
	P50 Microseconds `json:"p50us"`
	P90 Microseconds `json:"p90us"`
	P99 Microseconds `json:"p99us"`
	Max Microseconds `json:"maxus"`
}

// HopLatency is a part of a request: a hop of the way, or what a caller sees of it.
type HopLatency struct {
	Hop string `json:"hop"`
	Latency
}

// The parts of a request that a caller can tell apart. The first three are passed
// with a new connection alone.
const (
	HopQueue     = "queue"
	HopResolve   = string(catalog.HopResolve)
	HopDial      = string(catalog.HopDial)
	HopTLS       = string(catalog.HopTLS)
	HopFirstByte = "first byte"
	HopBody      = "body"
)

// MeasuredHops are all of them, in their order: waiting for a turn, where requests
// are paced; the connection; from the request to the first byte of the answer; the
// rest of the answer.
func MeasuredHops() []string {
	return []string{HopQueue, HopResolve, HopDial, HopTLS, HopFirstByte, HopBody}
}

// Spread is a figure over rounds: the median, the least and the most.
type Spread struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// Comparison is how a way compares with another one at the same concurrency, round
// by round.
type Comparison struct {
	Way string `json:"way"`
	// Ratio is that of the medians of the latency.
	Ratio Spread `json:"ratio"`
	// Adds is the difference of the medians, in microseconds.
	Adds Spread `json:"addsMicroseconds"`
}

// Percentile is the time within which that many of a hundred requests were
// answered.
type Percentile struct {
	Percentile float64      `json:"percentile"`
	Time       Microseconds `json:"us"`
}

// JSON returns the measurement as indented JSON.
func (m Measurement) JSON() ([]byte, error) {
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the measurement as JSON: %w", err)
	}
	return append(raw, '\n'), nil
}

// LoadMeasurement reads a measurement from a file that has one as JSON. The error of
// a file that is none, that is cut short or that is of another version says so.
func LoadMeasurement(path string) (Measurement, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return Measurement{}, fmt.Errorf("reading the measurement: %w", err)
	}
	m, err := parse[Measurement](raw, MeasurementKind)
	if err != nil {
		return Measurement{}, fmt.Errorf("reading the measurement %q: %w", path, err)
	}
	return m, nil
}
