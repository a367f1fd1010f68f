package fault

var tokenFaults []Fault
