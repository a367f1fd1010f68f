package fault

var toolFaults []Fault
