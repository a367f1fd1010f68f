package measure

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"al.essio.dev/pkg/shellescape"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/reports"
)

const (
	// endTime is how long the program in the container has to end once it was told
	// to.
	endTime = 10 * time.Second
	// connectSeconds bounds each connection.
	connectSeconds = 5
	// serviceAccount is the folder of a pod's credential.
	serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount"
	// lineMark begins each line about a request; what curl has to say besides begins
	// otherwise.
	lineMark = "inroads"
)

// lineFormat has curl write a line about each request, to its standard error, which
// it does not buffer. Times are in seconds, from the beginning of the request on.
const lineFormat = `%{stderr}` + lineMark + ` %{http_code} %{num_connects} %{time_namelookup} %{time_connect} %{time_appconnect} %{time_pretransfer} %{time_starttransfer} %{time_total} %{size_download} %{errormsg}\n`

// Pod makes requests with curl from a container: all of a turn in one process, and
// each turn in one. What curl itself takes is in the figures.
type Pod struct {
	Container access.Container
	Config    *rest.Config
	Client    kubernetes.Interface
	// URL is what is asked, and Bytes how much of it from its beginning, 0 for all.
	URL   string
	Bytes int64
	// API is whether it is of the API server, to which the pod shows its credential.
	API bool
	// Fresh makes a connection for each request. Without it those of a turn are
	// kept, and requests for which one is made count as warm-up.
	Fresh bool
}

// Close is described with Caller.
func (p *Pod) Close() {}

// Call is described with Caller.
func (p *Pod) Call(ctx context.Context, t Turn, heard func(Answer) bool) (time.Duration, error) {
	t.Wait(ctx)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// A line on its standard input ends the program; so does the end of the way in.
	stdin, tell := io.Pipe()
	lines, out := io.Pipe()
	ended := make(chan access.Result, 1)
	go func() {
		r := p.Container.Talk(ctx, p.Config, p.Client, stdin, out, p.script(t))
		_ = out.Close()
		_ = tell.Close()
		ended <- r
	}()
	stop := func() {
		go func() { _, _ = tell.Write([]byte("\n")) }()
		time.AfterFunc(endTime, cancel)
	}
	turn := turnOf{turn: t, fresh: p.Fresh, heard: heard}
	var said []string
	var timer *time.Timer
	stopped := false
	for scanner := bufio.NewScanner(lines); scanner.Scan(); {
		line := scanner.Text()
		a, ok := readLine(line)
		if !ok {
			said = append(said, line)
			continue
		}
		if more := turn.hear(a); !more && !stopped {
			stopped = true
			stop()
		}
		// The turn begins with its first answer that counts.
		if timer == nil && turn.counted > 0 {
			timer = time.AfterFunc(t.Duration, stop)
		}
	}
	if timer != nil {
		timer.Stop()
	}
	r := <-ended
	if turn.all == 0 {
		return 0, cmp.Or(r.Err, fmt.Errorf("curl said of no request: %s", clip(strings.Join(said, " "))))
	}
	return turn.took(), nil
}

// script runs curl until it is done or a line comes in.
func (p *Pod) script(t Turn) string {
	args := []string{
		"curl", "--silent", "--noproxy", "*", "--output", "/dev/null", "--write-out", lineFormat,
		"--connect-timeout", strconv.Itoa(connectSeconds), "--max-time", strconv.Itoa(int(answerTime.Seconds())),
	}
	if t.Concurrency > 1 {
		args = append(args, "--parallel", "--parallel-max", strconv.Itoa(t.Concurrency))
	}
	if p.Bytes > 0 {
		args = append(args, "--range", fmt.Sprintf("0-%d", p.Bytes-1))
	}
	if p.API {
		args = append(args, "--cacert", serviceAccount+"/ca.crt", "--header", "@-")
	}
	if p.Fresh {
		// A session that is resumed would spare half of the handshake.
		args = append(args, "--http1.1", "--no-sessionid", "--header", "Connection: close")
	}
	// What follows the mark is sent to nobody, and counts.
	args = append(args, fmt.Sprintf("%s#[1-%d]", p.URL, t.WarmUps+t.Requests))
	var b strings.Builder
	b.WriteString("exec 3<&0\n")
	if p.API {
		fmt.Fprintf(&b, "%s 2>&1 3<&- <<EOF &\nAuthorization: Bearer $(cat %s/token)\nEOF\n", shellescape.QuoteCommand(args), serviceAccount)
	} else {
		fmt.Fprintf(&b, "%s 2>&1 3<&- </dev/null &\n", shellescape.QuoteCommand(args))
	}
	b.WriteString("curl=$!\n{ read -r line <&3 || :; kill $curl || :; } >/dev/null 2>&1 &\nreader=$!\nwait $curl || :\nkill $reader 2>/dev/null || :\n")
	return b.String()
}

// turnOf sorts the answers of a turn into those that count and those of the
// warm-up.
type turnOf struct {
	turn         Turn
	fresh        bool
	heard        func(Answer) bool
	all, counted int
	first, last  time.Time
	// asking is how long those that count took, all together.
	asking time.Duration
}

func (t *turnOf) hear(a podAnswer) bool {
	t.all++
	a.WarmUp = t.all <= t.turn.WarmUps || a.connects > 0 && !t.fresh && t.turn.WarmUps > 0
	if !a.WarmUp {
		t.counted++
		t.asking += a.Whole
		t.last = time.Now()
		if t.first.IsZero() {
			t.first = t.last
		}
	}
	more := t.heard(a.Answer)
	// curl would go on asking a server that wants to be left alone.
	return more && a.RetryAfter == 0
}

// took is from the first answer that counts to the last, and the share of one more:
// when the first was asked for nobody knows. Lines may come in one burst, from a node
// that is busy, so it is no less than what the requests themselves took.
func (t *turnOf) took() time.Duration {
	least := t.asking / time.Duration(t.turn.Concurrency)
	if t.counted < 2 {
		return max(t.turn.Duration, least)
	}
	return max(least, time.Duration(float64(t.last.Sub(t.first))*float64(t.counted)/float64(t.counted-1)))
}

// podAnswer is an answer of which curl has told.
type podAnswer struct {
	Answer
	connects int
}

// readLine reads a line of lineFormat, and returns false for another.
func readLine(line string) (a podAnswer, ok bool) {
	fields := strings.SplitN(line, " ", 11)
	if len(fields) < 10 || fields[0] != lineMark {
		return a, false
	}
	var err error
	number := func(i int) int64 {
		n, e := strconv.ParseInt(fields[i], 10, 64)
		err = errors.Join(err, e)
		return n
	}
	seconds := func(i int) time.Duration {
		s, e := strconv.ParseFloat(fields[i], 64)
		err = errors.Join(err, e)
		return time.Duration(s * float64(time.Second))
	}
	a.Status, a.connects, a.Bytes = int(number(1)), int(number(2)), number(9)
	resolved, dialled, shaken, first, whole := seconds(3), seconds(4), seconds(5), seconds(7), seconds(8)
	if err != nil {
		return a, false
	}
	if len(fields) > 10 && strings.TrimSpace(fields[10]) != "" {
		a.Err = errors.New(strings.TrimSpace(fields[10]))
	}
	if a.Status == http.StatusTooManyRequests {
		a.RetryAfter = retryAfter(nil)
	}
	a.Whole = whole
	add := func(name string, d time.Duration) { a.Hops = append(a.Hops, Hop{name, max(0, d)}) }
	connected := time.Duration(0)
	if a.connects > 0 {
		connected = max(dialled, shaken)
		if dialled > 0 {
			add(reports.HopResolve, resolved)
			add(reports.HopDial, dialled-resolved)
		}
		if shaken > 0 {
			add(reports.HopTLS, shaken-dialled)
		}
	}
	add(reports.HopFirstByte, first-connected)
	add(reports.HopBody, whole-first)
	return a, true
}

// clip bounds a text that is shown.
func clip(text string) string {
	const most = 300
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}
