package catalog

var kubectlProxyClaims = []Claim{}
