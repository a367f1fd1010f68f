package harness

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"al.essio.dev/pkg/shellescape"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/probe"
)

// The exit codes of a script that repeats a request.
const (
	// ScriptMet: the request had the outcome that was expected.
	ScriptMet = 0
	// ScriptUnmet: it had another.
	ScriptUnmet = 1
	// ScriptUnable: the request could not be made, or its outcome alone does not
	// tell; the script says which.
	ScriptUnable = 3
)

// Scratch folder and variables of a script.
const (
	shellDir        = `"$dir"`
	shellKubeconfig = `"$KUBECONFIG"`
	// limit is how long a script waits for the answer, in seconds; where an answer
	// came too late in the run, it is no less than leastLimit.
	limit, leastLimit = 30, 5
)

// subject is what a script is about.
type subject struct {
	// Title are the lines of its head, names and values.
	Title [][2]string
	// Kubeconfig and Context are those that the run was given; "" means what
	// kubectl takes by itself.
	Kubeconfig, Context string
	// Kubectl is the path of the kubectl under test.
	Kubectl string
	// Want and Came are outcomes. Where they are the same something else about
	// the answer was wrong, which the script cannot judge.
	Want, Came catalog.Outcome
	// Patience is how long the script waits for the answer, in seconds; 0 means limit.
	Patience int
	// Notes are what the reader has to know or make first.
	Notes []string
}

// script is a bash script that repeats one request. What is in it is either text
// without a secret or a variable that the script itself fills.
type script struct {
	subject subject
	body    strings.Builder
	// subs are texts of the run that the script finds anew, longest first.
	subs []*substitution
	// base is what the kubeconfig of the run says, nil where it cannot be read.
	base *access.Kubeconfig
	// files and kubeconfigs are those of the run that the script has written.
	files, kubeconfigs map[string]string
	// helped is whether the script knows how to start a proxy, and made are the
	// namespaces that it makes.
	helped bool
	made   []string
	// removals are commands that take away, before those, what may not be there a
	// moment longer.
	removals []string
	// gone is whether the request goes to something that went with the run.
	gone bool
}

// substitution is a text that stands for something else when the script runs.
type substitution struct {
	text string
	// shell is the expression for it, in double quotes.
	shell string
	// define fills the variable, once it is used; "" where the prelude has.
	define string
	used   bool
}

func newScript(s subject) *script {
	return &script{subject: s, files: map[string]string{}, kubeconfigs: map[string]string{}}
}

// replace has the text be found anew when the script runs.
func (s *script) replace(text, shell, define string) {
	if text == "" || slices.ContainsFunc(s.subs, func(o *substitution) bool { return o.text == text }) {
		return
	}
	s.subs = append(s.subs, &substitution{text: text, shell: shell, define: define})
	slices.SortStableFunc(s.subs, func(a, b *substitution) int { return cmp.Compare(len(b.text), len(a.text)) })
}

// variable is replace by a variable that is filled on its first use.
func (s *script) variable(text, name, value string) {
	s.replace(text, `"$`+name+`"`, name+"="+value)
}

func (s *script) note(text string) {
	if !slices.Contains(s.subject.Notes, text) {
		s.subject.Notes = append(s.subject.Notes, text)
	}
}

func (s *script) patience() int { return cmp.Or(s.subject.Patience, limit) }

func (s *script) line(format string, args ...any) { fmt.Fprintf(&s.body, format+"\n", args...) }

// serviceAccountToken is a JSON Web Token of any sort.
var serviceAccountToken = regexp.MustCompile(`eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+`)

// word returns the text as one word of a shell, in which what is to be found anew
// is a variable and no secret is left.
func (s *script) word(text string) string {
	for _, token := range serviceAccountToken.FindAllString(text, -1) {
		s.token(token)
	}
	var out strings.Builder
	for text != "" {
		at, sub := s.next(text)
		if piece := text[:at]; piece != "" {
			out.WriteString(s.literal(piece))
		}
		if sub == nil {
			break
		}
		if !sub.used && sub.define != "" {
			s.line("%s", sub.define)
		}
		sub.used = true
		out.WriteString(sub.shell)
		text = text[at+len(sub.text):]
	}
	if out.Len() == 0 {
		return "''"
	}
	return out.String()
}

// words is word for each of a command's.
func (s *script) words(args ...string) string {
	var out []string
	for _, a := range args {
		out = append(out, s.word(a))
	}
	return strings.Join(out, " ")
}

// next returns where the next text stands that is to be found anew, or the end.
func (s *script) next(text string) (int, *substitution) {
	at, found := len(text), (*substitution)(nil)
	for _, sub := range s.subs {
		for from := 0; ; {
			i := strings.Index(text[from:], sub.text)
			if i < 0 || from+i >= at {
				break
			}
			if i += from; standsAlone(text, i, i+len(sub.text)) {
				at, found = i, sub
				break
			}
			from = i + 1
		}
	}
	return at, found
}

// standsAlone is whether the part of the text is no part of a longer number or
// address.
func standsAlone(text string, from, to int) bool {
	digit := func(c byte) bool { return c >= '0' && c <= '9' }
	if from > 0 && digit(text[from]) && (digit(text[from-1]) || text[from-1] == '.') {
		return false
	}
	return to == len(text) || !digit(text[to-1]) || !digit(text[to])
}

// loopbackPort is an address at which nothing listens any more, unless the script
// has made it listen.
var loopbackPort = regexp.MustCompile(`(?:127\.0\.0\.[0-9]+|localhost|\[::1\]):[1-9][0-9]{3,4}\b`)

// literal quotes a text. A secret in it, which nobody has said how to find, is for
// the reader to give.
func (s *script) literal(text string) string {
	if at := loopbackPort.FindString(text); at != "" && !s.gone {
		s.gone = true
		s.note("At " + at + " listened something of the run's own, such as a man in the middle, which this script cannot make.")
	}
	if probe.Redact(text) == text {
		return shellescape.Quote(text)
	}
	s.note("A credential of the run was here that this script cannot find again: REDACTED stands for it.")
	return shellescape.Quote(probe.Redact(text))
}

// tokenClaims are those of a ServiceAccount's token that tell how to get another.
type tokenClaims struct {
	Audience   []string `json:"aud"`
	Subject    string   `json:"sub"`
	SecretName string   `json:"kubernetes.io/serviceaccount/secret.name"`
}

// token has a token of a ServiceAccount asked for again.
func (s *script) token(token string) {
	parts := strings.Split(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims tokenClaims
	// An audience may be a text alone; then it is of no ServiceAccount of today.
	if err == nil {
		err = json.Unmarshal(raw, &claims)
	}
	name, ok := strings.CutPrefix(claims.Subject, "system:serviceaccount:")
	namespace, account, found := strings.Cut(name, ":")
	if err != nil && claims.SecretName == "" || !ok || !found {
		return
	}
	variable := fmt.Sprintf("token%d", len(s.subs))
	if claims.SecretName != "" {
		s.variable(token, variable, fmt.Sprintf("$(secret_token %s)", shellescape.QuoteCommand([]string{namespace, claims.SecretName})))
		return
	}
	args := []string{"kubectl", "create", "token", account, "--namespace", namespace}
	for _, a := range claims.Audience {
		args = append(args, "--audience", a)
	}
	s.variable(token, variable, "$("+shellescape.QuoteCommand(args)+")")
}

// fileLimit bounds the files of a spec that a script carries, in bytes.
const fileLimit = 256 << 10

// carry has the script write the files below the folder of the spec that the texts
// name, and calls the folder by the script's own.
func (s *script) carry(dir string, texts ...string) {
	if dir == "" {
		return
	}
	all := strings.Join(texts, "\n")
	names := map[string]string{}
	_ = filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() && strings.Contains(all, path) {
			names[path], _ = filepath.Rel(dir, path)
		}
		return nil
	})
	for _, path := range slices.Sorted(maps.Keys(names)) {
		if s.files[path] != "" {
			continue
		}
		s.files[path] = names[path]
		if k, err := access.LoadKubeconfig(path, ""); err == nil && s.base != nil {
			s.writeKubeconfig(k, filepath.Base(path), names[path])
			continue
		}
		raw, err := os.ReadFile(path)
		if err != nil || len(raw) > fileLimit {
			s.note(fmt.Sprintf("The file %s of the run is not here.", names[path]))
			continue
		}
		s.write(names[path], string(raw))
	}
	s.replace(dir, shellDir, "")
}

// write has the script write a file below its folder.
func (s *script) write(name, content string) {
	if folder := filepath.Dir(name); folder != "." {
		s.line(`mkdir -p "$dir"/%s`, shellescape.Quote(folder))
	}
	content = s.word(content)
	s.line(`printf %%s %s >"$dir"/%s`, content, shellescape.Quote(name))
}

// Texts that stand in a kubeconfig for what the script reads from the user's.
const (
	userToken    = "inroads-the-users-own-token"
	userPassword = "inroads-the-users-own-password"
)

// kubeconfig returns the expression for a kubeconfig with which a command ran.
func (s *script) kubeconfig(path, base string) string {
	switch {
	case path == base:
		return shellKubeconfig
	case s.files[path] != "":
		return `"$dir"/` + shellescape.Quote(s.files[path])
	case s.kubeconfigs[path] != "":
		return s.kubeconfigs[path]
	}
	k, err := access.LoadKubeconfig(path, "")
	if err != nil || s.base == nil {
		s.note(fmt.Sprintf("The kubeconfig %q of the run cannot be written again; yours is taken.", filepath.Base(path)))
		return shellKubeconfig
	}
	name := fmt.Sprintf("kubeconfig-%d", len(s.kubeconfigs)+1)
	s.kubeconfigs[path] = `"$dir"/` + name
	s.writeKubeconfig(k, filepath.Base(path), name)
	return s.kubeconfigs[path]
}

// writeKubeconfig has the script write what the kubeconfig says, with credentials
// that it reads from the user's kubeconfig or asks for.
func (s *script) writeKubeconfig(k access.Kubeconfig, what, name string) {
	config, mine := k.Config(), s.own()
	for _, user := range config.AuthInfos {
		if len(user.ClientKeyData) > 0 {
			if string(user.ClientKeyData) == string(mine.ClientKeyData) {
				user.ClientCertificateData, user.ClientKeyData = nil, nil
				user.ClientCertificate, user.ClientKey = userDir+"/client.crt", userDir+"/client.key"
			} else {
				user.ClientKeyData = nil
				s.note(fmt.Sprintf("The client key of kubeconfig %q was the run's own and is not here.", what))
			}
		}
		if user.Token != "" && user.Token == mine.Token {
			user.Token = userToken
		}
		if user.Password != "" && user.Password == mine.Password {
			user.Password = userPassword
		} else if user.Password != "" {
			user.Password = "REDACTED"
			s.note(fmt.Sprintf("The password of kubeconfig %q was the run's own and is not here.", what))
		}
	}
	raw, err := clientcmd.Write(*config)
	if err != nil {
		s.note(fmt.Sprintf("The kubeconfig %q of the run cannot be written again: %v.", what, err))
		return
	}
	s.line("# The kubeconfig %q of the run.", what)
	s.write(name, string(raw))
}

// userDir stands for the folder in which the prelude keeps the user's certificate
// and key.
const userDir = "/inroads/the-users-own"

// useOwn says how the script finds what is the user's own.
func (s *script) useOwn() {
	s.replace(userDir, shellDir, "")
	s.replace(userToken, `"$user_token"`, "")
	s.variable(userPassword, "user_password", "$(field '.users[0].user.password')")
	if s.base == nil {
		return
	}
	s.replace(s.base.Server(), `"$server"`, "")
	if mine := s.own(); mine.Token != "" {
		s.replace(mine.Token, `"$user_token"`, "")
	}
}

// own is the user of the run's kubeconfig.
func (s *script) own() *clientcmdapi.AuthInfo {
	config := s.base.Config()
	if mine := config.AuthInfos[config.Contexts[config.CurrentContext].AuthInfo]; mine != nil {
		return mine
	}
	return &clientcmdapi.AuthInfo{}
}

// outcomes writes the function that names an outcome as inroads does.
func (s *script) outcomes(program string) {
	s.line(`
# outcome CODE STATUS names what came of the request.
outcome() {
  if [ "$1" -eq 124 ]; then echo %s; return; fi`, catalog.TimedOut)
	codes := []access.ExitCode(nil)
	switch program {
	case "curl":
		codes = access.CurlExitCodes()
	case "wget":
		codes = access.WgetExitCodes()
	}
	if len(codes) > 0 {
		s.line("  case $1 in")
		for _, c := range codes {
			s.line("  %d) echo %s; return ;;", c.Code, c.Outcome)
		}
		s.line("  esac")
	}
	s.line("  case $2 in")
	for _, c := range statuses() {
		s.line("  %s) echo %s; return ;;", c.pattern, c.outcome)
	}
	s.line(`  esac
  if [ "$1" -eq 0 ]; then echo %s; return; fi`, catalog.Reached)
	for _, w := range access.Words() {
		var words []string
		for _, word := range w.Words {
			words = append(words, "-e "+shellescape.Quote(word))
		}
		s.line(`  if grep -qiF %s "$dir/stderr"; then echo %s; return; fi`, strings.Join(words, " "), w.Outcome)
	}
	s.line("  echo %s\n}", catalog.Failed)
}

type statusPattern struct {
	pattern string
	outcome catalog.Outcome
}

// statuses are patterns of HTTP statuses, the first that fits.
func statuses() []statusPattern {
	var all []statusPattern
	for _, code := range []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusServiceUnavailable} {
		all = append(all, statusPattern{fmt.Sprint(code), catalog.FromStatus(code)})
	}
	for _, class := range []int{2, 3, 4, 5} {
		all = append(all, statusPattern{fmt.Sprintf("%d[0-9][0-9]", class), catalog.FromStatus(class * 100)})
	}
	return all
}

// programOf returns curl or wget where a command's outcome is that of one.
func programOf(args []string) string {
	all := strings.Join(args, " ")
	for _, p := range []string{"curl", "wget"} {
		if strings.Contains(all, p) {
			return p
		}
	}
	return ""
}

// ask has the script make the request of the recipe.
func (s *script) ask(r access.Recipe, base string) {
	switch {
	case r.Args != nil:
		s.askCommand(r, base)
	case r.Request != nil:
		s.askRequest(r)
	default:
		c := r.Container
		args := append([]string{"kubectl", "exec", "--namespace", c.Namespace, c.Pod, "--container", c.Container, "--"}, r.Command...)
		s.run(programOf(r.Command), s.words(args...), false)
	}
}

func (s *script) askCommand(r access.Recipe, base string) {
	args := slices.Clone(r.Args)
	switch filepath.Base(args[0]) {
	case "kubectl":
		args[0] = "kubectl"
	case "bash":
	default:
		args[0] = filepath.Base(args[0])
	}
	s.replace(r.Host.Kubectl, "kubectl", "")
	kubeconfig := "''"
	if r.Host.Kubeconfig != "" {
		kubeconfig = s.kubeconfig(r.Host.Kubeconfig, base)
	}
	s.carry(r.Host.Home, append(append(slices.Clone(args), r.Stdin), r.Host.Env...)...)
	if r.Host.Network != nil {
		s.note("The run made this request in a network of its own; here its ports on 127.0.0.1 must be free.")
	}
	if r.Stdin != "" {
		s.write("stdin", r.Stdin)
	}
	var env []string
	for _, e := range r.Host.Env {
		name, value, _ := strings.Cut(e, "=")
		env = append(env, name+"="+s.word(value))
	}
	command := s.words(args...)
	s.line("export HOME=\"$dir\"\ncd \"$dir\"")
	for _, e := range env {
		s.line("export %s", e)
	}
	if kubeconfig == "''" {
		s.line("unset KUBECONFIG")
	} else if kubeconfig != shellKubeconfig {
		s.line("export KUBECONFIG=%s", kubeconfig)
	}
	s.run(programOf(r.Args), command, r.Stdin != "")
}

func (s *script) askRequest(r access.Recipe) {
	q := r.Request
	args := []string{"curl", "--silent", "--show-error", "--location", "--globoff", "--path-as-is", "--max-time", fmt.Sprint(s.patience()), "--write-out", access.CurlStatus}
	if q.Method != "" && q.Method != http.MethodGet {
		args = append(args, "--request", q.Method)
	}
	var more string
	if r.Config != nil {
		more = s.credentials(r.Config)
	} else {
		args = append(args, "--noproxy", "*")
	}
	if len(q.Header) > 0 {
		var lines []string
		for _, k := range slices.Sorted(maps.Keys(q.Header)) {
			lines = append(lines, k+": "+strings.Join(q.Header[k], ", "))
		}
		s.write("headers", strings.Join(lines, "\n")+"\n")
		more += ` --header @"$dir/headers"`
	}
	if q.Body != "" {
		s.write("body", q.Body)
		more += ` --data-binary @"$dir/body"`
	}
	command := s.words(args...) + more + " " + s.word(q.URL)
	s.run("curl", command, false)
}

// credentials has curl authenticate and trust as the client did, by files that
// others cannot read, and returns its arguments for that.
func (s *script) credentials(c *rest.Config) string {
	own, err := (*rest.Config)(nil), error(nil)
	if s.base != nil {
		own, err = s.base.RESTConfig()
	}
	if own == nil || err != nil {
		own = &rest.Config{}
	}
	var out string
	switch tls := c.TLSClientConfig; {
	case tls.Insecure:
		out += " --insecure"
	case len(tls.CAData) > 0 && string(tls.CAData) != string(own.CAData):
		s.write("authority.crt", string(tls.CAData))
		out += ` --cacert "$dir/authority.crt"`
	case len(tls.CAData) > 0 || tls.CAFile != "":
		out += ` --cacert "$dir/ca.crt"`
	}
	switch {
	case c.BearerToken != "" && c.BearerToken == own.BearerToken, len(c.KeyData) > 0 || c.KeyFile != "":
		out += ` --config "$dir/own.conf"`
	case c.BearerToken != "":
		s.write("curl.conf", `header = "Authorization: Bearer `+c.BearerToken+`"`)
		out += ` --config "$dir/curl.conf"`
	case c.ExecProvider != nil || c.AuthProvider != nil:
		s.note("Your kubeconfig's user has a credential plugin, which curl does not know: ask with kubectl get --raw.")
	}
	return out
}

// run has the script run the command and judge what came.
func (s *script) run(program, command string, stdin bool) {
	s.outcomes(program)
	from := ""
	if stdin {
		from = ` <"$dir/stdin"`
	}
	s.line(`
code=0
timeout %d %s >"$dir/stdout" 2>"$dir/stderr"%s || code=$?`, s.patience(), command, from)
}

// String returns the script.
func (s *script) String() string {
	var out strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&out, format+"\n", args...) }
	p("#!/usr/bin/env bash\n# Repeats the request at which a claim failed.\n#")
	for _, t := range s.subject.Title {
		if t[1] == "" {
			continue
		}
		first, rest, more := strings.Cut(probe.Redact(t[1]), "\n")
		p("# %-9s %s", t[0], printable(first))
		for line := range strings.Lines(rest) {
			if more {
				p("# %-9s %s", "", printable(line))
			}
		}
	}
	p("#\n# Usage: bash THIS-FILE [KUBECONFIG [CONTEXT]]")
	p("# Without arguments: %s.", printable(s.ways()))
	p("# It holds no credential; what it needs it reads from the kubeconfig, into a folder\n# that others cannot read and that goes with it.")
	for _, n := range s.subject.Notes {
		p("# NOTE: %s", printable(n))
	}
	p("# Exit code: %d as expected, %d not so, %d could not ask, or the outcome does not tell.", ScriptMet, ScriptUnmet, ScriptUnable)
	p("# The commands are quoted as they were run, and some functions are not called.\n# shellcheck disable=SC2016,SC2317")
	p("set -euo pipefail\numask 077\n")
	p("unable() { echo \"cannot repeat the request: $*\" >&2; exit %d; }", ScriptUnable)
	p("dir=$(mktemp -d)\nleave() { rm -rf \"$dir\"; }\ntrap leave EXIT")
	p("export KUBECACHEDIR=\"$dir/cache\"")
	p("if [ $# -gt 0 ]; then export KUBECONFIG=$1; %s", otherwise(s.subject.Kubeconfig, "else export KUBECONFIG="+shellescape.Quote(s.subject.Kubeconfig)+"; "))
	p("context=${2-%s}", defaultWord(s.subject.Context))
	if s.subject.Kubectl != "" {
		p("kubectl=${KUBECTL:-%s}", defaultWord(s.subject.Kubectl))
		p("[ -x \"$kubectl\" ] || kubectl=$(command -v kubectl) || unable \"there is no kubectl; KUBECTL names one\"")
		p("mkdir \"$dir/bin\" && ln -s \"$kubectl\" \"$dir/bin/kubectl\" && export PATH=\"$dir/bin:$PATH\"")
	}
	out.WriteString(s.body.String())
	s.judge(p)
	return out.String()
}

func otherwise(given, then string) string {
	if given == "" {
		return "fi"
	}
	return then + "fi"
}

// defaultWord is a text in ${NAME:-TEXT}, outside quotes, which expands no further.
func defaultWord(text string) string {
	if text == "" {
		return ""
	}
	return shellescape.Quote(text)
}

func (s *script) ways() string {
	where := "the kubeconfig that kubectl takes"
	if s.subject.Kubeconfig != "" {
		where = s.subject.Kubeconfig
	}
	if s.subject.Context != "" {
		return where + ", context " + s.subject.Context
	}
	return where
}

// judge writes the end of the script.
func (s *script) judge(p func(string, ...any)) {
	p(`
# What was printed may have credentials in it.
show() {
  sed -E 's/eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)?/REDACTED/g' "$dir/$1" | head -c 4000 | sed "s/^/$1: /"
  [ -z "$(tail -c 1 "$dir/$1")" ] || echo
}
status=$(tail -n 1 "$dir/stdout" | grep -xE '[1-5][0-9][0-9]' || true)
[ -n "$status" ] || status=$(tr -d ' \n' <"$dir/stdout" | grep -oE '^\{"kind":"Status".*"code":[1-5][0-9][0-9]\}$' | grep -oE '[0-9]+\}$' | tr -d '}' || true)
came=$(outcome "$code" "$status")
show stdout
show stderr
echo "expected: %s"
echo "came:     $came, exit code $code${status:+, HTTP $status}"`, s.subject.Want)
	if s.gone {
		p("echo 'It went to something of the run that is not here; see the head of this script.'\nexit %d", ScriptUnable)
		return
	}
	if s.subject.Came == catalog.Unknown {
		p("echo 'In the run it could not be asked at all.'\nexit %d", ScriptUnable)
		return
	}
	if s.subject.Want == s.subject.Came || s.subject.Want == catalog.Unknown {
		p(`[ "$came" = %s ] || { echo "In the run it was %s."; exit %d; }`, s.subject.Came, s.subject.Came, ScriptUnable)
		p("echo \"The outcome was right in the run too; what was answered was not: compare it with 'failed' in the head of this script.\"\nexit %d", ScriptUnable)
		return
	}
	p(`[ "$came" = %s ] || exit %d`, s.subject.Want, ScriptUnmet)
}

// printable is a text on a line of a comment.
func printable(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text))
}
