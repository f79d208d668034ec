//go:build tools

// Package tools pins the sops command, the reference for the SOPS format.
package tools

import _ "github.com/getsops/sops/v3/cmd/sops"
