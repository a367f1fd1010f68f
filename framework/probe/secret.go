package probe

import (
	"fmt"
	"io"
	"log/slog"
)

// redacted stands where a credential stood.
const redacted = "REDACTED"

// Secret is a credential. However it is printed, logged or serialised it says
// REDACTED; Reveal alone gives the value.
type Secret string

// Reveal returns the value itself, which KnownSecrets has from then on.
func (s Secret) Reveal() string {
	known.Add(string(s))
	return string(s)
}

// String returns REDACTED.
func (Secret) String() string { return redacted }

// GoString returns REDACTED.
func (Secret) GoString() string { return redacted }

// Format writes REDACTED for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalJSON returns "REDACTED" as a JSON string.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText returns REDACTED for other encoders. encoding/json does not ask
// it for the keys of a map: a Secret must not be one.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns REDACTED for structured logs.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }
