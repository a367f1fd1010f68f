package fault

var frontFaults []Fault
