// Command fieldschema prints what server-side apply knows of the fields of Kubernetes' own kinds: how each merges, and how the
// server writes its values. The first is from the server's OpenAPI, the second from the Go types.
//
// Each line has columns separated by tabs:
//
//	kind  API-VERSION  KIND  TYPE
//	TYPE  FIELD  SHAPE  ZERO
//
// SHAPE is one of
//
//	s          a scalar that is kept as it is written
//	b          bytes in base64
//	q          a quantity, which the server writes in its own way
//	r          a quantity of a resource list, which it rounds to thousandths, too
//	?          a value without known structure
//	TYPE       a structure whose fields merge; !TYPE one that is replaced as a whole
//	{}SHAPE    a map whose entries merge; {!}SHAPE one that is replaced as a whole
//	[]SHAPE    a list that is replaced as a whole; [set]SHAPE a set; [KEY,KEY=DEFAULT]SHAPE a list whose items have these keys,
//	           with the JSON of the value that a missing key stands for
//
// ZERO is what becomes of an empty value: "z" it is left out, "a" it is always written, "-" it is told apart from none.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"sort"
	"strings"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	apiregistration "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"k8s.io/kubernetes/pkg/generated/openapi"
)

// Values with a form of their own, by Go type.
var special = map[string]string{
	"k8s.io/apimachinery/pkg/api/resource.Quantity":                                  "q",
	"k8s.io/apimachinery/pkg/util/intstr.IntOrString":                                "s",
	"k8s.io/apimachinery/pkg/apis/meta/v1.Time":                                      "s",
	"k8s.io/apimachinery/pkg/apis/meta/v1.MicroTime":                                 "s",
	"k8s.io/apimachinery/pkg/apis/meta/v1.Duration":                                  "s",
	"k8s.io/apimachinery/pkg/apis/meta/v1.FieldsV1":                                  "?",
	"k8s.io/apimachinery/pkg/runtime.RawExtension":                                   "?",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSON":                  "?",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaProps":       "?",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrBool": "?",
	"k8s.io/api/core/v1.ResourceList":                                                "{}r",
}

type printer struct {
	definitions map[string]common.OpenAPIDefinition
	lines       map[string]bool
	printed     map[reflect.Type]bool
}

func main() {
	p := printer{
		definitions: openapi.GetOpenAPIDefinitions(func(path string) spec.Ref { return spec.MustCreateRef(path) }),
		lines:       map[string]bool{},
		printed:     map[reflect.Type]bool{},
	}
	types := map[schema.GroupVersionKind]reflect.Type{
		apiextensions.SchemeGroupVersion.WithKind("CustomResourceDefinition"): reflect.TypeOf(apiextensions.CustomResourceDefinition{}),
		apiregistration.SchemeGroupVersion.WithKind("APIService"):             reflect.TypeOf(apiregistration.APIService{}),
	}
	for gvk, t := range scheme.Scheme.AllKnownTypes() {
		types[gvk] = t
	}
	meta := reflect.TypeOf(metav1.ObjectMeta{})
	for gvk, t := range types {
		field, found := t.FieldByName("ObjectMeta")
		if !found || field.Type != meta || gvk.Version == "__internal" {
			continue
		}
		if _, found := p.definitions[path(t)]; !found {
			continue
		}
		p.lines[fmt.Sprintf("kind\t%s\t%s\t%s", gvk.GroupVersion(), gvk.Kind, name(t))] = true
		p.structure(t, true)
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	fmt.Fprintln(out, "# the fields of Kubernetes v1.34.2; printed by fieldschema")
	lines := make([]string, 0, len(p.lines))
	for line := range p.lines {
		lines = append(lines, line)
	}
	sort.Strings(lines)
	for _, line := range lines {
		fmt.Fprintln(out, line)
	}
}

func path(t reflect.Type) string { return t.PkgPath() + "." + t.Name() }

func name(t reflect.Type) string {
	full := path(t)
	for _, prefix := range []string{
		"k8s.io/api/", "k8s.io/apimachinery/pkg/apis/", "k8s.io/apiextensions-apiserver/pkg/apis/", "k8s.io/kube-aggregator/pkg/apis/",
	} {
		full = strings.TrimPrefix(full, prefix)
	}
	return full
}

// structure prints the fields of a type, and of those that it leads to. The status of an object is never applied.
func (p *printer) structure(t reflect.Type, isObject bool) {
	if p.printed[t] {
		return
	}
	p.printed[t] = true
	properties := p.definitions[path(t)].Schema.Properties
	p.fields(t, t, properties, isObject)
}

func (p *printer) fields(owner, t reflect.Type, properties map[string]spec.Schema, isObject bool) {
	for i := range t.NumField() {
		field := t.Field(i)
		parts := strings.Split(field.Tag.Get("json"), ",")
		if field.Anonymous && parts[0] == "" {
			p.fields(owner, field.Type, properties, isObject)
			continue
		}
		if parts[0] == "-" || parts[0] == "" || isObject && parts[0] == "status" {
			continue
		}
		property := properties[parts[0]]
		shape := p.shape(field.Type, &property)
		if strings.HasPrefix(name(owner), "node/") && shape == "{}r" {
			// The one resource list that the server does not round (there is no defaults.go for this group).
			shape = "{}q"
		}
		p.lines[fmt.Sprintf("%s\t%s\t%s\t%s", name(owner), parts[0], shape, zero(field.Type, parts[1:]))] = true
	}
}

// zero is what the server does with an empty value of a field.
func zero(t reflect.Type, options []string) string {
	has := func(option string) bool {
		for _, o := range options {
			if o == option {
				return true
			}
		}
		return false
	}
	switch {
	case t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface:
		return "-"
	case has("omitzero"), has("omitempty") && t.Kind() != reflect.Struct:
		return "z"
	default:
		return "a"
	}
}

func (p *printer) shape(t reflect.Type, property *spec.Schema) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if shape, found := special[path(t)]; found {
		return shape
	}
	switch t.Kind() {
	case reflect.Struct:
		definition := p.definitions[path(t)].Schema
		p.structure(t, false)
		if isAtomic(property) || isAtomic(&definition) {
			return "!" + name(t)
		}
		return name(t)
	case reflect.Map:
		var values *spec.Schema
		if property.AdditionalProperties != nil {
			values = property.AdditionalProperties.Schema
		}
		if values == nil {
			values = &spec.Schema{}
		}
		below := p.shape(t.Elem(), values)
		if isAtomic(property) {
			return "{!}" + below
		}
		return "{}" + below
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "b"
		}
		items := &spec.Schema{}
		if property.Items != nil && property.Items.Schema != nil {
			items = property.Items.Schema
		}
		return "[" + p.relation(t.Elem(), property) + "]" + p.shape(t.Elem(), items)
	case reflect.Interface:
		return "?"
	default:
		return "s"
	}
}

func isAtomic(s *spec.Schema) bool {
	return s.Extensions["x-kubernetes-map-type"] == "atomic"
}

// relation is how a list merges: nothing for one that is replaced, "set", or the keys of its items.
func (p *printer) relation(item reflect.Type, property *spec.Schema) string {
	switch property.Extensions["x-kubernetes-list-type"] {
	case "set":
		return "set"
	case "map":
		var keys []string
		for _, key := range property.Extensions["x-kubernetes-list-map-keys"].([]interface{}) {
			key := key.(string)
			schema := p.definitions[path(item)].Schema.Properties[key]
			if schema.Default != nil {
				value, err := json.Marshal(schema.Default)
				if err != nil {
					panic(err)
				}
				key += "=" + string(value)
			}
			keys = append(keys, key)
		}
		return strings.Join(keys, ",")
	default:
		return ""
	}
}
