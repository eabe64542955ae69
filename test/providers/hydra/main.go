// The identity provider of hydra-provider.ts, built from its Go module.
package main

import "github.com/ory/hydra/v2/cmd"

func main() { cmd.Execute() }
