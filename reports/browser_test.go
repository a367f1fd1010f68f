package reports_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/probe"
	"github.com/inroads-k8s/inroads/reports"
)

const (
	// browserProgram is the browser as framework/access runs it.
	browserProgram = "chromium"
	browserTime    = 3 * time.Minute
	// phone is the width of a small one, in pixels.
	phone = 390
	// smallestContrast is what WCAG 2.2 wants of text, at level AA.
	smallestContrast = 4.5
)

// whole is a report of every claim of the catalogue, of which every tenth is not
// proven, with evidence that is long and hostile.
func whole() reports.Report {
	r := reports.Placeholder(meta(catalog.Claims()...))
	r.Result, r.Finished, r.Summary = reports.Complete, finished, reports.Summary{}
	verdicts := []catalog.Verdict{catalog.Disproven, catalog.Inconclusive, catalog.Skipped, catalog.NotApplicable}
	for i := range r.Claims {
		c := &r.Claims[i]
		c.Verdict, c.Reason = catalog.Proven, ""
		if i%10 == 0 {
			c.Verdict = verdicts[i/10%len(verdicts)]
			c.Reason = "dial refused at 127.0.0.1:6443: <script>alert(1)</script> (A-DIAL-01); curl -k https://127.0.0.1:6443/livez\n" + strings.Repeat("unbroken", 100)
		}
		if c.Verdict == catalog.Disproven {
			c.Hop, c.Code = catalog.HopDial, "A-DIAL-01"
			c.Trace = []probe.Step{{Hop: catalog.HopConfig, State: probe.OK, Target: strings.Repeat("/folder", 60), Saw: "a context", Duration: time.Millisecond},
				{Hop: catalog.HopDial, State: probe.Broken, Target: "127.0.0.1:6443", Code: "A-DIAL-01", Saw: "connection refused"}}
		}
		for range 8 {
			c.Steps = append(c.Steps, reports.Step{Hop: catalog.HopAPI, What: "asking <b>again</b>", Command: "curl https://127.0.0.1/" + strings.Repeat("path/", 50), Want: catalog.Reached, Outcome: catalog.Reached, Status: 200, Milliseconds: 3})
		}
	}
	return reports.Merge([]reports.Report{r})
}

// browser starts one that ends with the test.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath(browserProgram)
	if err != nil {
		t.Skipf("no browser to look at the page with: %v; on Debian: apt-get install %s", err, browserProgram)
	}
	bounded, stop := context.WithTimeout(t.Context(), browserTime)
	t.Cleanup(stop)
	dir := t.TempDir()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.Flag("disable-gpu", true), chromedp.ModifyCmdFunc(func(c *exec.Cmd) {
		// It does not remove all that it makes there. Sockets need short paths.
		c.Env, c.Dir = append(os.Environ(), "TMPDIR=."), dir
	}))
	allocating, stop := chromedp.NewExecAllocator(bounded, options...)
	t.Cleanup(stop)
	tab, stop := chromedp.NewContext(allocating)
	t.Cleanup(stop)
	if err := chromedp.Do(tab); err != nil {
		t.Fatal(err)
	}
	return tab
}

// open writes the report and opens its page in a tab of its own. What the
// browser's console says until the test ends is an error.
func open(in context.Context, t *testing.T, r reports.Report, before ...chromedp.Action[chromedp.Void]) context.Context {
	t.Helper()
	dir := t.TempDir()
	if err := reports.Write(dir, r); err != nil {
		t.Fatal(err)
	}
	tab, stop := chromedp.NewContext(in)
	if err := chromedp.Do(tab); err != nil {
		t.Fatal(err)
	}
	var reading sync.WaitGroup
	console := chromedp.Console(tab)
	reading.Go(func() {
		for m, err := range console {
			if err != nil {
				return
			}
			t.Errorf("the browser's console: %s", m)
		}
	})
	t.Cleanup(func() { stop(); reading.Wait() })
	page := url.URL{Scheme: "file", Path: filepath.Join(dir, reports.HTMLFile)}
	if err := chromedp.Do(tab, append(before, chromedp.Navigate(page.String()))...); err != nil {
		t.Fatal(err)
	}
	return tab
}

// ask returns the value of an expression on the page.
func ask[T any](tab context.Context, t *testing.T, expression string) T {
	t.Helper()
	got, err := chromedp.Run(tab, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return got
}

const shownClaims = `[...document.querySelectorAll("details.claim")].filter(c => c.checkVisibility()).length`

// TestPageFilters chooses by verdict, level, path and text.
func TestPageFilters(t *testing.T) {
	r := whole()
	count := func(is func(reports.Claim) bool) (n int) {
		for _, c := range r.Claims {
			if is(c) {
				n++
			}
		}
		return n
	}
	tab := open(browser(t), t, r)
	tests := []struct {
		name, act string
		want      int
	}{
		{"all", `true`, len(r.Claims)},
		{"verdict", `document.querySelector('[name=verdict][value=proven]').click()`, len(r.Claims) - r.Summary.Proven},
		{"cleared", `document.querySelector('[type=reset]').click()`, len(r.Claims)},
		{"level", `form("level", "linked")`, count(func(c reports.Claim) bool { return c.Level == catalog.Linked })},
		{"level and path", `form("path", "kubectl")`, count(func(c reports.Claim) bool { return c.Level == catalog.Linked && c.Path == catalog.PathKubectl })},
		{"path", `form("level", "")`, count(func(c reports.Claim) bool { return c.Path == catalog.PathKubectl })},
		{"text", `form("path", "") || form("text", "DIAL-01 refused")`, count(func(c reports.Claim) bool { return strings.Contains(c.Reason, "A-DIAL-01") })},
		{"text of no claim", `form("text", "no such text")`, 0},
		{"a link to a claim that is filtered out", `document.querySelector('.dots a').click()`, len(r.Claims)},
	}
	ask[bool](tab, t, `form = (name, value) => {
		const field = document.querySelector("#filters [name=" + name + "]");
		field.value = value;
		field.dispatchEvent(new Event("input", {bubbles: true}));
	}, true`)
	for _, tt := range tests {
		ask[any](tab, t, "(() => { "+tt.act+" })()")
		// Clearing takes effect after the event, as following a link does.
		got, err := chromedp.Run(tab, chromedp.Poll[bool](fmt.Sprintf("%s === %d", shownClaims, tt.want), chromedp.WithPollingTimeout(30*time.Second)))
		if err != nil || !got {
			t.Errorf("%s: %d claims are shown, want %d (%v)", tt.name, ask[int](tab, t, shownClaims), tt.want, err)
		}
		if told := ask[string](tab, t, `document.getElementById("shown").textContent`); !strings.HasPrefix(told, fmt.Sprint(tt.want)+" of ") {
			t.Errorf("%s: the page tells %q", tt.name, told)
		}
	}
	if !ask[bool](tab, t, `document.querySelector("details.claim").open`) {
		t.Error("the claim that a link leads to is not open")
	}
}

// TestPageWithoutScript reads it where the browser runs none.
func TestPageWithoutScript(t *testing.T) {
	r := whole()
	tab := open(browser(t), t, r, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
	if got := ask[int](tab, t, shownClaims); got != len(r.Claims) {
		t.Errorf("%d claims are shown, want %d", got, len(r.Claims))
	}
	if ask[bool](tab, t, `document.getElementById("filters").checkVisibility()`) {
		t.Error("filters are shown that do nothing")
	}
	for _, want := range []string{"asking <b>again</b>", "<script>alert(1)</script>", "not reached", "A-DIAL-01"} {
		if !strings.Contains(ask[string](tab, t, `document.body.textContent`), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	// The browser itself opens what a link leads into.
	ask[any](tab, t, `location.hash = [...document.querySelectorAll("details.claim:not([open]) .body")].at(-1).id`)
	if _, err := chromedp.Run(tab, chromedp.Poll[bool](`document.querySelector(":target").closest("details").open`, chromedp.WithPollingTimeout(30*time.Second))); err != nil {
		t.Errorf("the claim that a link leads to does not open: %v", err)
	}
}

// TestPageOnAPhone looks for what is wider than the screen, with everything open.
func TestPageOnAPhone(t *testing.T) {
	many := whole()
	for i, topology := range catalog.Topologies() {
		one := whole()
		one.Claims = one.Claims[i : i+20]
		for j := range one.Claims {
			one.Claims[j].Topology = topology
		}
		many = reports.Merge([]reports.Report{many, one})
	}
	in := browser(t)
	for name, r := range map[string]reports.Report{"one column": whole(), "many columns": many, "three contexts": severalContexts(), "every verdict": sample(), "no cluster": reports.Unable(meta(catalog.Claims()...), dead)} {
		t.Run(name, func(t *testing.T) {
			tab := open(in, t, r, chromedp.EmulateViewport(phone, 844, chromedp.EmulateMobile))
			ask[any](tab, t, `document.querySelectorAll("details").forEach(d => d.open = true)`)
			if got := ask[int](tab, t, `document.documentElement.scrollWidth`); got > phone {
				wide := ask[string](tab, t, fmt.Sprintf(`[...document.querySelectorAll("body *")].filter(e => !e.closest(".scroll") && e.getBoundingClientRect().right > %d).slice(0, 5).map(e => e.outerHTML.slice(0, 120)).join("\n")`, phone))
				t.Errorf("the page is %d pixels wide, on a screen of %d:\n%s", got, phone, wide)
			}
		})
	}
}

// TestMatrixOfManyContexts looks at fifty columns on a phone: they scroll in a box of
// their own, in which the names of the paths stay, and each column can be chosen.
func TestMatrixOfManyContexts(t *testing.T) {
	const n = 50
	r := manyContexts(n)
	tab := open(browser(t), t, r, chromedp.EmulateViewport(phone, 844, chromedp.EmulateMobile))
	if got := ask[int](tab, t, `document.documentElement.scrollWidth`); got > phone {
		t.Errorf("the page is %d pixels wide, on a screen of %d", got, phone)
	}
	ask[any](tab, t, `box = document.querySelector(".scroll:has(.matrix)"), true`)
	if got := ask[int](tab, t, `box.querySelectorAll("thead th").length`); got != n+1 {
		t.Errorf("%d heads, want one for the paths and one for each of %d contexts", got, n)
	}
	if !ask[bool](tab, t, `box.scrollWidth > box.clientWidth && getComputedStyle(box).overflowX === "auto"`) {
		t.Error("the table does not scroll in its box")
	}
	ask[any](tab, t, `box.scrollLeft = box.scrollWidth`)
	for what, holds := range map[string]string{
		"the last column is not in sight":       `box.querySelector("tbody td:last-child").getBoundingClientRect().right <= innerWidth + 1`,
		"the names of the paths are not":        `box.querySelector("tbody th").getBoundingClientRect().left >= box.getBoundingClientRect().left - 1`,
		"the names of the paths cover all else": `box.querySelector("tbody th").getBoundingClientRect().right < innerWidth * 0.6`,
	} {
		if !ask[bool](tab, t, holds) {
			t.Error(what)
		}
	}
	dead := r.Contexts()[n-1].Name
	ask[any](tab, t, fmt.Sprintf(`(() => {
		const field = document.querySelector("#filters [name=column]");
		field.value = %q;
		field.dispatchEvent(new Event("input", {bubbles: true}));
	})()`, dead))
	if got := ask[int](tab, t, shownClaims); got != len(catalog.Claims()) {
		t.Errorf("%d claims are shown of the last context, want %d", got, len(catalog.Claims()))
	}
}

// contrasts returns the texts of the page that are too near to their background,
// each with its colours.
const contrasts = `(() => {
	const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
	const rgba = (colour) => {
		canvas.clearRect(0, 0, 1, 1);
		canvas.fillStyle = colour;
		canvas.fillRect(0, 0, 1, 1);
		return [...canvas.getImageData(0, 0, 1, 1).data];
	};
	const light = ([r, g, b]) => {
		const [x, y, z] = [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
		return 0.2126 * x + 0.7152 * y + 0.0722 * z;
	};
	const behind = (e) => {
		for (; e; e = e.parentElement) {
			const colour = rgba(getComputedStyle(e).backgroundColor);
			if (colour[3] === 255) return colour;
		}
		return rgba("Canvas");
	};
	const found = new Set();
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let n = walker.nextNode(); n; n = walker.nextNode()) {
		const e = n.parentElement;
		if (!n.textContent.trim() || !e.checkVisibility() || e.closest("script, style")) continue;
		const style = getComputedStyle(e);
		const [a, b] = [light(rgba(style.color)), light(behind(e))];
		const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		if (ratio < LIMIT) found.add(e.className + " " + style.color + " on " + behind(e) + ": " + ratio.toFixed(2) + ": " + n.textContent.trim().slice(0, 40));
	}
	return [...found];
})()`

// TestPageIsReadable measures the contrast of every text, and looks for what a
// screen reader needs.
func TestPageIsReadable(t *testing.T) {
	in := browser(t)
	for _, scheme := range []string{"light", "dark"} {
		t.Run(scheme, func(t *testing.T) {
			for _, r := range []reports.Report{whole(), sample(), severalContexts(), manyContexts(8)} {
				tab := open(in, t, r, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
					_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
					return err
				}))
				ask[any](tab, t, `document.querySelectorAll("details").forEach(d => d.open = true)`)
				for _, text := range ask[[]string](tab, t, strings.ReplaceAll(contrasts, "LIMIT", fmt.Sprint(smallestContrast))) {
					t.Errorf("too little contrast: %s", text)
				}
				if bg := ask[string](tab, t, `getComputedStyle(document.body).backgroundColor`); strings.Contains(bg, "255, 255, 255") == (scheme == "dark") {
					t.Errorf("the background is %s", bg)
				}
				if n := ask[int](tab, t, `[...document.querySelectorAll("a, button, input, select")].filter(e => !(e.ariaLabel || e.textContent.trim() || e.closest("label"))).length`); n > 0 {
					t.Errorf("%d links or controls have no name", n)
				}
				if levels := ask[[]int](tab, t, `[...document.querySelectorAll("h1,h2,h3,h4,h5")].map(h => +h.tagName[1])`); !ordered(levels) {
					t.Errorf("headings leave out a level: %v", levels)
				}
				if n := ask[int](tab, t, `document.querySelectorAll("[id]").length - new Set([...document.querySelectorAll("[id]")].map(e => e.id)).size`); n > 0 {
					t.Errorf("%d ids are there twice", n)
				}
				if lost := ask[[]string](tab, t, `[...document.querySelectorAll("a[href^='#']")].map(a => a.hash.slice(1)).filter(id => !document.getElementById(id))`); len(lost) > 0 {
					t.Errorf("links lead nowhere: %v", lost)
				}
			}
		})
	}
}

// ordered is whether no heading is more than one level below the one before.
func ordered(levels []int) bool {
	before := 0
	for _, l := range levels {
		if l > before+1 {
			return false
		}
		before = l
	}
	return before > 0
}
