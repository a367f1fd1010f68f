package fault

var kubeconfigFaults []Fault
