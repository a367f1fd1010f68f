package catalog

var configClaims = []Claim{}
