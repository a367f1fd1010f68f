package probe

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// The kinds of credentials that Secrets tells apart.
const (
	KindServiceAccountToken = "token of a ServiceAccount"
	KindToken               = "bearer token"
	KindKey                 = "private key"
)

// minSecret is how long a credential must be to be looked for, in bytes: a shorter
// one stands in any text.
const minSecret = 12

// Secrets are credentials that must be in nothing that a run writes. They are in
// memory alone. The zero value has none; all methods may be called side by side.
type Secrets struct {
	mu    sync.Mutex
	known map[string]string
	tell  func(kind, value string)
}

// known are the credentials that this process has seen.
var known Secrets

// KnownSecrets returns the credentials that this process has seen.
func KnownSecrets() *Secrets { return &known }

// Tell has f called for each credential that is added from now on, and for those
// that are known.
func (s *Secrets) Tell(f func(kind, value string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tell = f
	for value, kind := range s.known {
		f(kind, value)
	}
}

// Add notes a credential. Its kind is that of its form, where it has one.
func (s *Secrets) Add(value string) {
	value = strings.TrimSpace(value)
	if len(value) < minSecret || strings.HasPrefix(value, inroadsOwn) {
		return
	}
	kind := KindToken
	switch {
	case strings.Contains(value, "PRIVATE KEY-----"):
		kind = KindKey
	case isServiceAccountToken(value):
		kind = KindServiceAccountToken
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, is := s.known[value]; is {
		return
	}
	if s.known == nil {
		s.known = map[string]string{}
	}
	s.known[value] = kind
	if s.tell != nil {
		s.tell(kind, value)
	}
}

// inroadsOwn begins credentials that inroads makes up and no server takes.
const inroadsOwn = "inroads-token-of-no-"

// Learn notes the tokens and keys that stand in a text by their form: JSON Web
// Tokens and private keys in PEM.
func (s *Secrets) Learn(text string) {
	if strings.Contains(text, "eyJ") {
		for _, token := range signedJWT.FindAllString(text, -1) {
			s.Add(token)
		}
	}
	if strings.Contains(text, "PRIVATE KEY") {
		for _, key := range pemKey.FindAllString(text, -1) {
			s.Add(key)
		}
	}
}

// Len is how many there are.
func (s *Secrets) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.known)
}

// signedJWT is a JSON Web Token with a signature, without which it opens nothing.
var signedJWT = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}`)

func isServiceAccountToken(token string) bool {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return false
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	return err == nil && bytes.Contains(raw, []byte("system:serviceaccount:"))
}

// needle is a form in which a credential may stand somewhere.
type needle struct{ text, kind string }

// Search is a search for credentials in texts. It holds their values.
type Search struct{ needles []needle }

// Search returns a search for all credentials that are known now: as they are, in
// base64 wherever it begins, escaped for URLs, JSON, Markdown and HTML.
func (s *Secrets) Search() Search {
	s.mu.Lock()
	defer s.mu.Unlock()
	forms := map[string]string{}
	for value, kind := range s.known {
		for _, form := range formsOf(value) {
			forms[form] = kind
		}
	}
	var out Search
	for form, kind := range forms {
		out.needles = append(out.needles, needle{form, kind})
	}
	// The longest first: what is removed of a text is as much as there is.
	slices.SortFunc(out.needles, func(a, b needle) int {
		if len(a.text) != len(b.text) {
			return len(b.text) - len(a.text)
		}
		return strings.Compare(a.text, b.text)
	})
	return out
}

func formsOf(value string) []string {
	wholes := []string{value}
	var forms []string
	if block, _ := pem.Decode([]byte(value)); block != nil {
		// A line of it will do, however the lines are joined.
		for line := range strings.Lines(value) {
			if line = strings.TrimSpace(line); len(line) >= minSecret && !strings.HasPrefix(line, "-----") {
				forms = append(forms, line)
			}
		}
		wholes = append(wholes, string(block.Bytes))
	} else if parts := strings.Split(value, "."); len(parts) == 3 && len(parts[2]) >= minSecret {
		// Its signature is what makes a token one.
		forms = append(forms, parts[2])
	}
	for _, whole := range wholes {
		forms = append(forms, whole, url.QueryEscape(whole), url.PathEscape(whole))
		if quoted, err := json.Marshal(whole); err == nil {
			forms = append(forms, strings.Trim(string(quoted), `"`))
		}
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			for shift := range 3 {
				encoded := encoding.EncodeToString([]byte(strings.Repeat("\x00", shift) + whole))
				// What is encoded with its neighbours is not the secret's alone.
				from, to := []int{0, 2, 3}[shift], len(encoded)
				if (len(whole)+shift)%3 != 0 {
					to--
				}
				if to-from >= minSecret {
					forms = append(forms, encoded[from:to])
				}
			}
		}
	}
	for _, form := range slices.Clone(forms) {
		forms = append(forms, inMarkdown.Replace(form), inHTML.Replace(form))
	}
	return forms
}

// What Markdown and HTML escape of the characters that credentials have.
var (
	inMarkdown = strings.NewReplacer("_", `\_`, "~", `\~`)
	inHTML     = strings.NewReplacer("+", "&#43;", "&", "&amp;", "'", "&#39;", `"`, "&#34;", "<", "&lt;", ">", "&gt;")
)

// Find returns the kinds of the credentials that stand in the text, sorted.
func (s Search) Find(text string) []string {
	var kinds []string
	for _, n := range s.needles {
		if !slices.Contains(kinds, n.kind) && strings.Contains(text, n.text) {
			kinds = append(kinds, n.kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}

// Remove returns the text without the credentials.
func (s Search) Remove(text string) string {
	for _, n := range s.needles {
		text = strings.ReplaceAll(text, n.text, redacted)
	}
	return text
}
