// Decrypts every file named on the command line with the library of sops, in one process, and prints how many worked.
//
// The peer of `cargo xtask bench decrypt`; it is in this module so that the library is the release that is pinned.
// Identities come from SOPS_AGE_KEY_FILE.
package main

import (
	"fmt"
	"os"

	"github.com/getsops/sops/v3/decrypt"
)

func main() {
	opened := 0
	for _, path := range os.Args[1:] {
		if _, err := decrypt.File(path, "yaml"); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", path, err)
			continue
		}
		opened++
	}
	fmt.Println(opened)
	if opened != len(os.Args)-1 {
		os.Exit(1)
	}
}
