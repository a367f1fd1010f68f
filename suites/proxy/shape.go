package proxy

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
)

// The names in the documented answer of the API's root.
const (
	keyKind      = "kind"
	keyVersions  = "versions"
	keyAddresses = "serverAddressByClientCIDRs"
	keyCIDR      = "clientCIDR"
	keyServer    = "serverAddress"

	kindAPIVersions = "APIVersions"
	coreVersion     = "v1"
)

// checkShape returns an error unless the text has the shape that the page shows
// for the root of the API: JSON with a kind, versions, and a server address for
// each range of clients. It reads the text by itself, with none of the types
// that an API server is made of.
func checkShape(text string) error {
	var root map[string]any
	if err := json.Unmarshal([]byte(text), &root); err != nil {
		return fmt.Errorf("reading JSON: %w", err)
	}
	if root[keyKind] != kindAPIVersions {
		return fmt.Errorf("reading %q: want %q, got %v", keyKind, kindAPIVersions, root[keyKind])
	}
	versions, ok := root[keyVersions].([]any)
	if !ok || !slices.Contains(versions, any(coreVersion)) {
		return fmt.Errorf("reading %q: want a list with %q, got %v", keyVersions, coreVersion, root[keyVersions])
	}
	addresses, ok := root[keyAddresses].([]any)
	if !ok || len(addresses) == 0 {
		return fmt.Errorf("reading %q: want a list that is not empty, got %v", keyAddresses, root[keyAddresses])
	}
	for i, a := range addresses {
		if err := checkAddress(a); err != nil {
			return fmt.Errorf("reading entry %d of %q: %w", i, keyAddresses, err)
		}
	}
	return nil
}

func checkAddress(entry any) error {
	fields, ok := entry.(map[string]any)
	if !ok {
		return fmt.Errorf("want an object, got %v", entry)
	}
	cidr, _ := fields[keyCIDR].(string)
	if _, err := netip.ParsePrefix(cidr); err != nil {
		return fmt.Errorf("reading %q: %w", keyCIDR, err)
	}
	server, _ := fields[keyServer].(string)
	host, port, err := net.SplitHostPort(server)
	if err != nil {
		return fmt.Errorf("reading %q: %w", keyServer, err)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil || host == "" {
		return fmt.Errorf("reading %q: %w", keyServer, errors.Join(fmt.Errorf("want HOST:PORT, got %q", server), err))
	}
	return nil
}

// damaged returns copies of the answer, each without one of its names.
func damaged(text string) (map[string]string, error) {
	out := map[string]string{}
	for _, key := range []string{keyKind, keyVersions, keyAddresses, keyCIDR, keyServer} {
		var root map[string]any
		if err := json.Unmarshal([]byte(text), &root); err != nil {
			return nil, fmt.Errorf("reading JSON: %w", err)
		}
		delete(root, key)
		addresses, _ := root[keyAddresses].([]any)
		for _, a := range addresses {
			if fields, ok := a.(map[string]any); ok {
				delete(fields, key)
			}
		}
		raw, err := json.Marshal(root)
		if err != nil {
			return nil, fmt.Errorf("writing JSON: %w", err)
		}
		out[key] = string(raw)
	}
	return out, nil
}
