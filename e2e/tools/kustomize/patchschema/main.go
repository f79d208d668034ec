// Command patchschema prints what strategic merge patches need of kustomize's built-in schema: which kinds there are,
// what leads from them to lists that merge, and how those lists merge.
//
// Each line has columns separated by tabs:
//
//	kind  API-VERSION  KIND  NODE
//	NODE  field  NAME  NODE      a property
//	NODE  any    NODE            every other property
//	NODE  item   NODE            the elements of a list
//	NODE  list   STRATEGY  KEYS  how the list merges; keys separated by commas, none for a list of scalars
//
// As NODE, "-" is known and has nothing below it, and "+" is known and so is everything below it, none of which merges.
package main

import (
	"bufio"
	"fmt"
	"os"
	"sort"
	"strings"

	"k8s.io/kube-openapi/pkg/validation/spec"
	"sigs.k8s.io/kustomize/kyaml/openapi"
)

const (
	gvkExtension      = "x-kubernetes-group-version-kind"
	strategyExtension = "x-kubernetes-patch-strategy"
)

type printer struct {
	definitions spec.Definitions
	merges      map[string]bool
	printed     map[string]bool
	out         *bufio.Writer
}

func main() {
	p := printer{
		definitions: openapi.Schema().Definitions,
		merges:      map[string]bool{},
		printed:     map[string]bool{},
		out:         bufio.NewWriter(os.Stdout),
	}
	defer p.out.Flush()
	for grown := true; grown; {
		grown = false
		for name, definition := range p.definitions {
			if !p.merges[name] && p.leadsToMerge(&definition) {
				p.merges[name], grown = true, true
			}
		}
	}
	fmt.Fprintln(p.out, "# what merges in Kubernetes", openapi.DefaultOpenAPI+"; printed by patchschema")
	for _, name := range sorted(p.definitions) {
		definition := p.definitions[name]
		kinds, _ := definition.Extensions[gvkExtension].([]interface{})
		for _, kind := range kinds {
			kind := kind.(map[string]interface{})
			version := kind["version"].(string)
			if group, _ := kind["group"].(string); group != "" {
				version = group + "/" + version
			}
			fmt.Fprintf(p.out, "kind\t%s\t%s\t%s\n", version, kind["kind"], p.name(name, &definition))
		}
	}
	for _, name := range sorted(p.definitions) {
		definition := p.definitions[name]
		p.print(p.name(name, &definition), &definition)
	}
}

func (p *printer) leadsToMerge(s *spec.Schema) bool {
	if ref := reference(s); ref != "" {
		return p.merges[ref]
	}
	if _, found := s.Extensions[strategyExtension]; found && isList(s) {
		return true
	}
	for _, property := range s.Properties {
		if p.leadsToMerge(&property) {
			return true
		}
	}
	if any := additional(s); any != nil && p.leadsToMerge(any) {
		return true
	}
	item := items(s)
	return item != nil && p.leadsToMerge(item)
}

// name is how lines refer to a schema that is found under a name.
func (p *printer) name(name string, s *spec.Schema) string {
	if ref := reference(s); ref != "" {
		definition, found := p.definitions[ref]
		if !found {
			return ""
		}
		return p.name(ref, &definition)
	}
	if p.leadsToMerge(s) {
		return strings.TrimPrefix(name, "io.k8s.")
	}
	if len(s.Properties) == 0 && additional(s) == nil && items(s) == nil {
		return "-"
	}
	return "+"
}

func (p *printer) print(name string, s *spec.Schema) {
	if name == "-" || name == "+" || name == "" || p.printed[name] || reference(s) != "" {
		return
	}
	p.printed[name] = true
	if strategy, found := s.Extensions[strategyExtension]; found && isList(s) {
		_, keys := (&openapi.ResourceSchema{Schema: s}).PatchStrategyAndKeyList()
		fmt.Fprintf(p.out, "%s\tlist\t%s\t%s\n", name, strategy, strings.Join(keys, ","))
	}
	fields := make([]string, 0, len(s.Properties))
	for field := range s.Properties {
		fields = append(fields, field)
	}
	sort.Strings(fields)
	for _, field := range fields {
		property := s.Properties[field]
		below := p.name(name+"."+field, &property)
		if below == "" {
			continue
		}
		fmt.Fprintf(p.out, "%s\tfield\t%s\t%s\n", name, field, below)
		p.print(below, &property)
	}
	if any := additional(s); any != nil {
		below := p.name(name+".*", any)
		fmt.Fprintf(p.out, "%s\tany\t%s\n", name, below)
		p.print(below, any)
	}
	if item := items(s); item != nil {
		below := p.name(name+"[]", item)
		fmt.Fprintf(p.out, "%s\titem\t%s\n", name, below)
		p.print(below, item)
	}
}

func reference(s *spec.Schema) string {
	return strings.TrimPrefix(s.Ref.String(), "#/definitions/")
}

func additional(s *spec.Schema) *spec.Schema {
	if s.AdditionalProperties == nil {
		return nil
	}
	return s.AdditionalProperties.Schema
}

func items(s *spec.Schema) *spec.Schema {
	if !isList(s) || s.Items == nil {
		return nil
	}
	return s.Items.Schema
}

func isList(s *spec.Schema) bool {
	return len(s.Type) == 1 && s.Type[0] == "array"
}

func sorted(definitions spec.Definitions) []string {
	names := make([]string, 0, len(definitions))
	for name := range definitions {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
