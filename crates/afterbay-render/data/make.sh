#!/bin/sh
# Records, for every kind that kustomize's own table names, whether `namespace:` moves it.
# Usage: make.sh KUSTOMIZE KYAML > scope.tsv
#   KUSTOMIZE  the kustomize binary, version 5.8.2
#   KYAML      the source of the kyaml module it was built with (v0.21.2), for the list of kinds
set -eu
kustomize=$1
kyaml=$2
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

sed -n '/^var precomputedIsNamespaceScoped/,/^}/p' "$kyaml/openapi/openapi.go" |
  sed -n 's/.*APIVersion: "\([^"]*\)", Kind: "\([^"]*\)".*/\1\t\2/p' | LC_ALL=C sort >"$work/kinds"

printf 'namespace: moved\nresources: [objects.yaml]\n' >"$work/kustomization.yaml"
number=0
while IFS="$(printf '\t')" read -r version kind; do
  number=$((number + 1))
  printf -- '---\napiVersion: %s\nkind: %s\nmetadata:\n  name: object-%s\n' "$version" "$kind" "$number"
done <"$work/kinds" >"$work/objects.yaml"

echo "# apiVersion, kind, scope; recorded by make.sh from kustomize $("$kustomize" version)"
"$kustomize" build "$work" --reorder=none 2>/dev/null | awk '
  function row() { if (kind != "") print version "\t" kind "\t" (moved ? "namespaced" : "cluster") }
  /^---/ { row(); kind = "" ; moved = 0 }
  /^apiVersion: / { version = $2 }
  /^kind: / { kind = $2 }
  /^  namespace: moved/ { moved = 1 }
  END { row() }'
