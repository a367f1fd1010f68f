package catalog

var inPodClaims = []Claim{}
