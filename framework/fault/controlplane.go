package fault

var controlPlaneFaults []Fault
