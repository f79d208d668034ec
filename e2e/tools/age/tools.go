//go:build tools

// Package tools pins the age commands that make the fixture keys.
package tools

import (
	_ "filippo.io/age/cmd/age"
	_ "filippo.io/age/cmd/age-keygen"
)
