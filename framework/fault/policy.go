package fault

var policyFaults []Fault
