package cli

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/inroads-k8s/inroads/framework/harness"
)

const (
	// contextsDir is the folder of the contexts' own folders, below the artifacts.
	contextsDir = "contexts"

	flagContexts    = "contexts"
	flagAllContexts = "all-contexts"
	flagAbreast     = "parallel-contexts"
)

// contextChoice is which contexts of the kubeconfig a command is about, where they are
// several.
type contextChoice struct {
	names []string
	all   bool
}

// bind binds the flags. Those of bindCluster come before them.
func (c *contextChoice) bind(cmd *cobra.Command, o *harness.Options) {
	f := cmd.Flags()
	f.StringSliceVar(&c.names, flagContexts, nil, "contexts of several existing clusters, side by side: a,b,c")
	f.BoolVar(&c.all, flagAllContexts, false, "every context of the kubeconfig, or of those that kubectl would read")
	complete(cmd, flagContexts, func() []string { return contexts(o.Kubeconfig) })
}

// choose returns the names of the contexts, none where the command is about a single
// cluster or none. The first takes the place of --context in the options, which are
// then those of a cluster that is there.
func (c *contextChoice) choose(cmd *cobra.Command, o *harness.Options) ([]string, error) {
	named, flag := cmd.Flags().Changed(flagContexts), flagContexts
	if c.all {
		flag = flagAllContexts
	}
	switch {
	case !named && !c.all:
		return nil, nil
	case named && c.all:
		return nil, usage("--contexts and --all-contexts are two choices", "drop one of them")
	case o.Context != "":
		return nil, usage(fmt.Sprintf("--context chooses one cluster, --%s several", flag), "drop one of them")
	}
	source, there, err := loadContexts(o.Kubeconfig)
	if err != nil {
		return nil, unable(fmt.Errorf("reading the contexts of kubeconfig %s: %w", source, err), "give another with --kubeconfig")
	}
	if len(there) == 0 {
		return nil, unable(fmt.Errorf("kubeconfig %s has no context", source), "give another with --kubeconfig")
	}
	has := fmt.Sprintf("kubeconfig %s has %s", source, strings.Join(there, ", "))
	names := there
	if named {
		names = c.names
	}
	if len(names) == 0 {
		return nil, usage("--contexts names no context", has)
	}
	for i, name := range names {
		if !slices.Contains(there, name) {
			return nil, usage(fmt.Sprintf("no context %q", name), suggest(name, there)+has)
		}
		if slices.Contains(names[:i], name) {
			return nil, usage(fmt.Sprintf("--contexts has %q twice", name), "drop one of them")
		}
	}
	o.Context = names[0]
	return names, nil
}

// loadContexts returns the names of the contexts in the kubeconfig, sorted, and which
// files that is; "" means what kubectl would read.
func loadContexts(kubeconfig string) (source string, names []string, err error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	// The rules would copy a kubeconfig of long ago to its new place.
	rules.ExplicitPath, rules.WarnIfAllMissing, rules.MigrationRules = kubeconfig, false, nil
	source = cmp.Or(kubeconfig, strings.Join(rules.Precedence, string(filepath.ListSeparator)))
	config, err := rules.Load()
	if err != nil {
		return source, nil, err
	}
	for name := range config.Contexts {
		names = append(names, name)
	}
	slices.Sort(names)
	return source, names, nil
}

const (
	// maxFolder bounds the name of a context's folder, in bytes: file systems take 255.
	maxFolder = 100
	// hashed is how many digits tell two names apart that come to the same folder.
	hashed = 8
)

// folderName is a context's name that is a folder's as it is, also on file systems
// that take capitals for small letters. It does not end as one that is made does.
var (
	folderName = regexp.MustCompile(`^[a-z0-9_-][a-z0-9._-]*$`)
	madeName   = regexp.MustCompile(`-[0-9a-f]{8}$`)
	unfit      = regexp.MustCompile(`[^A-Za-z0-9._-]`)
)

// contextFolders returns a folder for each of the names, which may have anything in
// them. A name that cannot stay as it is has a hash behind what can, so that no two
// have one folder, and each has the same whatever others there are.
func contextFolders(names []string) (folders []string) {
	for _, name := range names {
		folder := name
		if len(name) > maxFolder || !folderName.MatchString(name) || madeName.MatchString(name) {
			sum := sha256.Sum256([]byte(name))
			folder = strings.TrimLeft(unfit.ReplaceAllString(name, "-"), ".")
			folder = folder[:min(len(folder), maxFolder)] + "-" + hex.EncodeToString(sum[:])[:hashed]
		}
		folders = append(folders, folder)
	}
	return folders
}
