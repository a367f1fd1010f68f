package probe_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/inroads-k8s/inroads/framework/probe"
)

// FuzzRedact has a credential, in each form in which one may come, inside any
// text, of which Redact leaves nothing of the credential, and which it does not
// change a second time.
func FuzzRedact(f *testing.F) {
	const (
		header    = "eyJhbGciOiJub25lIn0"
		payload   = "eyJzdWIiOiJhIn0"
		signature = "c2lnbmF0dXJlLW9mLXNvbWVib2R5"
		word      = "hunter2-hunter2-hunter2"
		short     = "qJ7#xW2p"
		keyBody   = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"
	)
	pem := "-----BEGIN PRIVATE KEY-----\n" + keyBody + "\n-----END PRIVATE KEY-----"
	key64 := base64.StdEncoding.EncodeToString([]byte(pem))
	forms := []struct {
		text string
		// hidden are what must be gone; inline is whether the form may stand in
		// the middle of a line.
		hidden []string
		inline bool
	}{
		{header + "." + payload + "." + signature, []string{payload + "." + signature, signature}, true},
		{"Authorization: Bearer " + word, []string{word}, true},
		{"Bearer " + word, []string{word}, true},
		{"Basic " + base64.StdEncoding.EncodeToString([]byte("me:"+word)), []string{base64.StdEncoding.EncodeToString([]byte("me:" + word))}, true},
		{"https://me:" + word + "@10.0.0.1/", []string{word}, true},
		{"--token=" + word, []string{word}, true},
		{"--password '" + short + "'", []string{short}, true},
		{pem, []string{keyBody}, true},
		{key64, []string{key64[24:64]}, true},
		{`{"token":"` + short + `"}`, []string{short}, true},
		{"    token: " + short + "\n", []string{short}, false},
		{"    client-key-data: |\n      " + word + "\n      " + short + "\n", []string{word, short}, false},
		{"abcdef.0123456789abcdef", []string{"0123456789abcdef"}, true},
	}
	for i := range forms {
		f.Add(i, "", "")
		f.Add(i, "token: a\n  b", "x")
		f.Add(i, `{"token":"`, "  password: |\n")
	}
	f.Fuzz(func(t *testing.T, i int, before, after string) {
		form := forms[uint(i)%uint(len(forms))]
		sep := " "
		if !form.inline {
			sep = "\n"
		}
		text := before + sep + form.text + sep + after
		got := probe.Redact(text)
		for _, h := range form.hidden {
			if strings.Contains(got, h) && !strings.Contains(before, h) && !strings.Contains(after, h) {
				t.Errorf("%q is in %q, of %q", h, got, text)
			}
		}
		if again := probe.Redact(got); again != got {
			t.Errorf("a second time gives %q, not %q, of %q", again, got, text)
		}
	})
}
