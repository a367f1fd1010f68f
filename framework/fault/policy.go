package fault

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
)

const (
	// unservedPort is the port of the discard service, on which no backend of a
	// run listens.
	unservedPort = 9
	// noneLabel is a label that no pod has.
	noneLabel = "inroads.dev/none"
	// sameHostname is the host name of every pod.
	sameHostname = "inroads-same"
	// everyAddress is what a server listens on that all may reach.
	everyAddress = "0.0.0.0"
	// indices are as many containers, ports or endpoints as an object of a run
	// may have: CEL has no loop over indices.
	indices = 4
)

// mutation changes an object as it is written. Its texts are CEL.
type mutation struct {
	// when is whether the object is one to change, "" for each.
	when    string
	patches []patch
}

// patch is an operation of a JSON patch (RFC 6902). Without a value it is to
// remove something.
type patch struct{ op, path, value string }

// expression returns the mutation as a MutatingAdmissionPolicy has it.
func (m mutation) expression() string {
	var all []string
	for _, p := range m.patches {
		value := ""
		if p.value != "" {
			value = ", value: " + p.value
		}
		all = append(all, fmt.Sprintf("JSONPatch{op: %q, path: %s%s}", p.op, p.path, value))
	}
	patches := "[" + strings.Join(all, ", ") + "]"
	if m.when == "" {
		return patches
	}
	return m.when + " ? " + patches + " : []"
}

func always(patches ...patch) []mutation { return []mutation{{patches: patches}} }

func when(condition string, patches ...patch) []mutation { return []mutation{{condition, patches}} }

// eachOf returns the mutation of each element of a list of the object. In its
// texts {i} stands for the index and {e} for the element.
func eachOf(list, condition string, patches ...patch) []mutation {
	var all []mutation
	for i := range indices {
		n := strconv.Itoa(i)
		fill := strings.NewReplacer("{i}", n, "{e}", list+"["+n+"]").Replace
		// An empty list may be written as null.
		m := mutation{when: fmt.Sprintf("has(%[1]s) && dyn(%[1]s) != null && size(%[1]s) > %[2]d", list, i)}
		if condition != "" {
			m.when += " && " + fill(condition)
		}
		for _, p := range patches {
			m.patches = append(m.patches, patch{p.op, fill(p.path), fill(p.value)})
		}
		all = append(all, m)
	}
	return all
}

const (
	containers = "object.spec.containers"
	// tokenVolume begins the path of the sources of the volume that the API
	// server has appended to a pod, and hasTokenVolume is whether it has.
	tokenVolume    = `"/spec/volumes/" + string(size(object.spec.volumes) - 1) + "/projected/sources`
	hasTokenVolume = `has(object.spec.volumes) && object.spec.volumes.exists(v, v.name.startsWith("kube-api-access-"))`
	// hasProgram is whether a container has the program of a client library.
	hasProgram = `has({e}.env) && {e}.env[0].name == "` + access.EnvProgram + `"`
	// pythonInCluster is where a program of the Python client takes its
	// configuration from, and pythonUnverified what has it verify no certificate
	// from then on.
	pythonInCluster  = "config.load_incluster_config()"
	pythonUnverified = "; unverified = client.Configuration.get_default_copy(); unverified.verify_ssl = False; client.Configuration.set_default(unverified)"
	// twoServers is whether a pod serves in plain text with its first container
	// and over TLS with its second.
	twoServers = `size(object.spec.containers) > 1 && has(object.spec.containers[1].args) && object.spec.containers[1].args.exists(a, a.startsWith("--tls-"))`
)

var policyFaults = []Fault{
	policyFault("dns-policy-changed", catalog.HopResolve, createdPods, always(patch{"add", `"/spec/dnsPolicy"`, `"Default"`})),
	policyFault("token-for-another-audience", catalog.HopAuthn, createdPods,
		when(hasTokenVolume, patch{"add", tokenVolume + `/0/serviceAccountToken/audience"`, strconv.Quote(otherAudience)})),
	policyFault("namespace-file-wrong", catalog.HopMount, createdPods,
		when(hasTokenVolume, patch{"replace", tokenVolume + `/2/downwardAPI/items/0/fieldRef/fieldPath"`, `"metadata.name"`})),
	policyFault("service-account-swapped", catalog.HopAuthn, createdPods,
		always(patch{"add", `"/spec/serviceAccountName"`, strconv.Quote(someAccount)}, patch{"add", `"/spec/serviceAccount"`, strconv.Quote(someAccount)})),
	policyFault("service-host-overridden", catalog.HopService, createdPods,
		eachOf(containers, `(!has({e}.env) || !{e}.env.exists(v, v.name == "KUBERNETES_SERVICE_HOST"))`,
			patch{"add", `"/spec/containers/{i}/env"`, `(has({e}.env) ? {e}.env : []) + [{"name": "KUBERNETES_SERVICE_HOST", "value": "127.0.0.1"}]`})),
	policyFault("sidecar-open-to-all", catalog.HopLocalProxy, createdPods,
		eachOf(containers, `has({e}.command) && {e}.command.exists(a, a == "proxy")`,
			patch{"add", `"/spec/containers/{i}/command/-"`, strconv.Quote("--address=" + everyAddress)})),
	policyFault("hostnames-identical", catalog.HopBackend, createdPods, always(patch{"add", `"/spec/hostname"`, strconv.Quote(sameHostname)})),
	policyFault("backend-without-tls", catalog.HopBackend, createdPods,
		eachOf(containers, `has({e}.args) && {e}.args.exists(a, a.startsWith("--tls-"))`,
			patch{"replace", `"/spec/containers/{i}/args"`, `{e}.args.filter(a, !a.startsWith("--tls-"))`})),
	policyFault("backend-only-tls", catalog.HopBackend, createdPods,
		when(twoServers,
			patch{"add", `"/spec/containers/0/args"`, `object.spec.containers[0].args + object.spec.containers[1].args.filter(a, a.startsWith("--tls-"))`},
			patch{"add", `"/spec/containers/0/volumeMounts"`, `object.spec.containers[1].volumeMounts`},
			patch{"add", `"/spec/containers/0/readinessProbe/httpGet/scheme"`, `"HTTPS"`})),
	policyFault("python-in-pod-unverified", catalog.HopTLS, createdPods,
		eachOf(containers, hasProgram+` && {e}.env[0].value.contains("load_incluster_config")`,
			patch{"replace", `"/spec/containers/{i}/env/0/value"`, fmt.Sprintf(`{e}.env[0].value.replace(%q, %q)`, pythonInCluster, pythonInCluster+pythonUnverified)})),
	policyFault("node-in-pod-unverified", catalog.HopTLS, createdPods,
		eachOf(containers, hasProgram+` && {e}.env[0].value.contains("loadFromCluster")`,
			patch{"add", `"/spec/containers/{i}/env/-"`, `{"name": "NODE_TLS_REJECT_UNAUTHORIZED", "value": "0"}`},
			// Its warning has the words of a refusal.
			patch{"add", `"/spec/containers/{i}/env/-"`, `{"name": "NODE_NO_WARNINGS", "value": "1"}`})),
	policyFault("automount-off", catalog.HopMount, createdAccounts, always(patch{"add", `"/automountServiceAccountToken"`, "false"})),
	policyFault("selector-wrong", catalog.HopEndpoint, createdServices,
		when("has(object.spec.selector)", patch{"replace", `"/spec/selector"`, fmt.Sprintf("{%q: %q}", noneLabel, "none")})),
	policyFault("target-port-wrong", catalog.HopBackend, createdServices,
		eachOf("object.spec.ports", "", patch{"replace", `"/spec/ports/{i}/targetPort"`, strconv.Itoa(unservedPort)})),
	policyFault("endpoints-not-ready", catalog.HopEndpoint, writtenSlices,
		eachOf("object.endpoints", "", patch{"add", `"/endpoints/{i}/conditions"`, `{"ready": false, "serving": false, "terminating": false}`})),
	rootCAWrong,
}

var rootCAWrong = Fault{
	Name: "root-ca-wrong", Hop: catalog.HopTLS, Scope: Cluster, Needs: []Need{AdmissionPolicies}, Spares: throughout,
	Inject: func(ctx context.Context, s *Site) error {
		other, err := newAuthority()
		if err != nil {
			return err
		}
		return injectPolicy(ctx, s, "root-ca-wrong", writtenConfigMaps,
			when(fmt.Sprintf("object.metadata.name == %q", rootCAName), patch{"replace", `"/data/ca.crt"`, strconv.Quote(string(other.pem))}))
	},
	Took:   policyWorks("root-ca-wrong", writtenConfigMaps),
	Heal:   healPolicy("root-ca-wrong", writtenConfigMaps),
	Healed: policyGone("root-ca-wrong"),
}

// policyFault is a fault of an admission policy that changes what is written in
// the namespaces of runs. What is there already stays as it is.
func policyFault(name string, hop catalog.Hop, of written, mutations []mutation) Fault {
	return Fault{
		Name: name, Hop: hop, Scope: Cluster, Needs: []Need{AdmissionPolicies}, Spares: throughout,
		Inject: func(ctx context.Context, s *Site) error { return injectPolicy(ctx, s, name, of, mutations) },
		Took:   policyWorks(name, of),
		Heal:   healPolicy(name, of),
		Healed: policyGone(name),
	}
}
