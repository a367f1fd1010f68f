package catalog

var tokenClaims = []Claim{}
