package fault

var rbacFaults []Fault
