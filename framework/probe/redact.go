package probe

import (
	"encoding/base64"
	"regexp"
	"strings"
)

// secretKeys are the names of fields, in kubeconfigs, exec credentials and
// OAuth answers, whose value is a credential.
const secretKeys = `client-key-data|clientKeyData|token|bearerToken|password|id-token|idToken|id_token|` +
	`refresh-token|refreshToken|refresh_token|access-token|accessToken|access_token|client-secret|clientSecret|client_secret`

var (
	pemKey        = regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\z)`)
	encodedPEM    = regexp.MustCompile(`LS0tLS1CRUdJTi[A-Za-z0-9+/_-]+=*`)
	jwt           = regexp.MustCompile(`eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?`)
	bootstrap     = regexp.MustCompile(`\b[a-z0-9]{6}\.[a-z0-9]{16}\b`)
	authorization = regexp.MustCompile(`(?i)(\bauthorization["']?\s*[:=]\s*\[?["']?(?:(?:basic|bearer|negotiate|digest)\s+)?)[^\s"'\]]+`)
	variable      = regexp.MustCompile(`^\$(?:[A-Za-z_]\w*|\{[A-Za-z_]\w*\})$`)
	bearer        = regexp.MustCompile(`(?i)(\bbearer\s+)[A-Za-z0-9._~+/-]{8,}=*`)
	basic         = regexp.MustCompile(`\bBasic\s+([A-Za-z0-9+/]{4,}={0,2})`)
	userinfo      = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[^/\s"'<>]*@`)
	flag          = regexp.MustCompile(`(--(?:token|password)(?:=|\s+))("[^"]*"|'[^']*'|[^\s"']+)`)
	// jsonValue also takes JSON that was quoted once more into a string.
	jsonValue = regexp.MustCompile(`(?i)(\\*"(?:` + secretKeys + `)\\*"\s*:\s*)(?:\\+"[^"]*\\+"|"(?:[^"\\]|\\.)*")`)
	// yamlLine is a field on a line of its own.
	yamlLine = regexp.MustCompile(`(?i)^(\s*(?:-\s+)*["']?(?:` + secretKeys + `)["']?\s*:)(?:\s+(\S.*)|\s*)$`)
	// inline is a field in running text or flow YAML. The value must look
	// like a credential, for "invalid token: it has expired" is to be read.
	inline = regexp.MustCompile(`(?i)(\b(?:` + secretKeys + `)["']?\s*[:=]\s*["']?)([A-Za-z0-9+/_=.~-]{16,})`)
	flow   = regexp.MustCompile(`(?i)([{,]\s*["']?(?:` + secretKeys + `)["']?\s*:\s*)("[^"]*"|'[^']*'|[^\s,}"']+)`)
)

// Redact returns the text without the credentials in it: private keys in PEM,
// as they are or in base64, JWTs, bearer and bootstrap tokens, Authorization
// headers, user and password in URLs, values of --token and --password, and
// values of the credential fields of kubeconfigs and exec credentials in YAML
// and JSON. It prefers to remove too much. Redacting twice changes nothing.
func Redact(text string) string {
	// What is removed may have hidden, behind a quote without its fellow, that
	// what follows is a credential too.
	for range maxRounds {
		next := redactOnce(text)
		if next == text {
			break
		}
		text = next
	}
	return text
}

// maxRounds bounds how often a text is gone through. Two are enough for any text
// that somebody wrote in earnest.
const maxRounds = 16

func redactOnce(text string) string {
	// What is a credential by its own form goes first: a field's name before it
	// may take the word in front of it for its value.
	text = pemKey.ReplaceAllString(text, redacted)
	text = encodedPEM.ReplaceAllStringFunc(text, redactEncoded)
	text = jwt.ReplaceAllString(text, redacted)
	text = bearer.ReplaceAllString(text, "${1}"+redacted)
	text = basic.ReplaceAllStringFunc(text, redactBasic)
	text = redactJSON(text)
	text = redactYAML(text)
	text = flow.ReplaceAllStringFunc(text, redactFlow)
	text = authorization.ReplaceAllStringFunc(text, redactHeader)
	text = userinfo.ReplaceAllString(text, "${1}"+redacted+"@")
	text = flag.ReplaceAllString(text, "${1}"+redacted)
	text = inline.ReplaceAllString(text, "${1}"+redacted)
	return bootstrap.ReplaceAllString(text, redacted)
}

// redactHeader removes the value of an Authorization header, unless it is a variable
// of a shell, which tells nothing and which a command that is run again needs.
func redactHeader(header string) string {
	name := authorization.FindStringSubmatch(header)[1]
	if variable.MatchString(header[len(name):]) {
		return header
	}
	return name + redacted
}

// redactEncoded removes base64 of a PEM block, unless it is a certificate,
// which is public and worth comparing.
func redactEncoded(block string) string {
	head := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(block, "="))
	head = head[:len(head)/4*4]
	raw, err := base64.StdEncoding.DecodeString(head)
	if err == nil && strings.Contains(string(raw), "-----BEGIN CERTIFICATE-----") && !strings.Contains(string(raw), "PRIVATE KEY") {
		return block
	}
	return redacted
}

// redactJSON removes the values of JSON's credential fields. The quote that ends a
// value may be the one that begins a name, where one before it has no fellow.
func redactJSON(text string) string {
	var out strings.Builder
	for {
		m := jsonValue.FindStringSubmatchIndex(text)
		if m == nil {
			return out.String() + text
		}
		value, quote := text[m[3]:m[1]], `"`
		rest := m[1] - len(quote)
		if strings.HasPrefix(value, `\`) {
			quote = value[:strings.Index(value, `"`)+1]
			rest = m[3] + len(strings.TrimRight(value[:len(value)-1], `\`))
		}
		out.WriteString(text[:m[3]] + quote + redacted)
		text = text[rest:]
	}
}

func redactFlow(pair string) string {
	m := flow.FindStringSubmatch(pair)
	quote := ""
	if m[2][0] == '"' || m[2][0] == '\'' {
		quote = m[2][:1]
	}
	return m[1] + quote + redacted + quote
}

func redactBasic(header string) string {
	value := basic.FindStringSubmatch(header)[1]
	raw, err := base64.StdEncoding.DecodeString(value)
	if err != nil || !strings.Contains(string(raw), ":") {
		return header
	}
	return "Basic " + redacted
}

// redactYAML removes the values of credential fields, with the lines that a
// block or folded value goes on over.
func redactYAML(text string) string {
	lines := strings.SplitAfter(text, "\n")
	out := make([]string, 0, len(lines))
	for i := 0; i < len(lines); i++ {
		line, ending := cutEnding(lines[i])
		m := yamlLine.FindStringSubmatch(line)
		if m == nil {
			out = append(out, lines[i])
			continue
		}
		folded := false
		for i+1 < len(lines) && continues(lines[i+1], indent(line)) {
			i++
			folded = true
			_, ending = cutEnding(lines[i])
		}
		if !folded && (m[2] == "" || strings.Trim(m[2], `"',`) == redacted) {
			out = append(out, line+ending)
			continue
		}
		comma := ""
		if strings.HasSuffix(m[2], ",") {
			comma = ","
		}
		out = append(out, m[1]+" "+redacted+comma+ending)
	}
	return strings.Join(out, "")
}

func cutEnding(line string) (text, ending string) {
	text = strings.TrimRight(line, "\r\n")
	return text, line[len(text):]
}

// indent counts what stands before the first character of a field's name; the
// dash of a list item counts, as YAML has it.
func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " \t-")) }

func continues(line string, than int) bool {
	text, _ := cutEnding(line)
	return strings.TrimSpace(text) != "" && len(text)-len(strings.TrimLeft(text, " \t")) > than
}
