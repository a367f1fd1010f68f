package fault

var nodeFaults []Fault
