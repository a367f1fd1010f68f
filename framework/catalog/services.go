package catalog

var serviceClaims = []Claim{}
