//go:build tools

// Package tools pins the age commands that make the fixtures, and the vectors of the format.
package tools

import (
	_ "c2sp.org/CCTV/age"
	_ "filippo.io/age/cmd/age"
	_ "filippo.io/age/cmd/age-keygen"
	_ "filippo.io/age/cmd/age-plugin-batchpass"
)
