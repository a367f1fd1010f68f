package probe

import (
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestSecretsAreFoundInEveryForm(t *testing.T) {
	encode := base64.RawURLEncoding.EncodeToString
	token := encode([]byte(`{"alg":"RS256"}`)) + "." + encode([]byte(`{"sub":"system:serviceaccount:a:b"}`)) + "." + encode([]byte("the signature of a token"))
	key := "-----BEGIN EC PRIVATE KEY-----\n" + base64.StdEncoding.EncodeToString([]byte("forty-eight bytes of what would be a private key")) + "\n-----END EC PRIVATE KEY-----\n"
	password := "what+the user/types?"
	var s Secrets
	s.Learn("token: " + token + "\n" + key)
	s.Add(password)
	if s.Len() != 3 {
		t.Fatalf("%d secrets known, want 3", s.Len())
	}
	search := s.Search()
	for kind, secret := range map[string]string{KindServiceAccountToken: token, KindKey: key, KindToken: password} {
		quoted, _ := json.Marshal(secret)
		for form, text := range map[string]string{
			"itself":            secret,
			"base64":            base64.StdEncoding.EncodeToString([]byte(secret)),
			"base64 with more":  base64.StdEncoding.EncodeToString([]byte("x" + secret + "yz")),
			"base64 with more2": base64.URLEncoding.EncodeToString([]byte("xy" + secret + "z")),
			"URL":               url.QueryEscape(secret),
			"JSON":              string(quoted),
			"Markdown":          strings.ReplaceAll(secret, "_", `\_`),
			"HTML":              htmlOf(t, secret),
		} {
			text = "before " + text + " after"
			if got := search.Find(text); !slices.Equal(got, []string{kind}) {
				t.Errorf("%s as %s: found %q", kind, form, got)
			}
			if clean := search.Remove(text); len(search.Find(clean)) > 0 || !strings.Contains(clean, redacted) || !strings.HasPrefix(clean, "before ") || !strings.HasSuffix(clean, " after") {
				t.Errorf("%s as %s: %q is left", kind, form, clean)
			}
		}
	}
	for _, clean := range []string{"", "nothing of the kind", strings.Split(token, ".")[0], Redact(token), string(UnknownForTest)} {
		if got := search.Find(clean); len(got) > 0 {
			t.Errorf("found %q in %q", got, clean)
		}
	}
}

// htmlOf is the text in a page, as html/template writes it.
func htmlOf(t *testing.T, text string) string {
	t.Helper()
	var out strings.Builder
	if err := template.Must(template.New("").Parse("{{.}}")).Execute(&out, text); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// UnknownForTest is a token that inroads makes up.
const UnknownForTest = inroadsOwn + "cluster"

func TestSecretsTellOfEachOnce(t *testing.T) {
	var s Secrets
	var told []string
	s.Add("known-from-before")
	s.Tell(func(kind, value string) { told = append(told, kind+" "+value) })
	s.Add("known-from-before")
	s.Add("known-from-now-on")
	s.Add("short")
	s.Add(UnknownForTest)
	if want := []string{"bearer token known-from-before", "bearer token known-from-now-on"}; !slices.Equal(told, want) {
		t.Errorf("told of %q, want %q", told, want)
	}
}
