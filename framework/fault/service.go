package fault

var serviceFaults []Fault
