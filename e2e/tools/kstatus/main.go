// Command kstatus says what the real libraries make of objects: sigs.k8s.io/cli-utils (kstatus), and Flux's own rules for Jobs
// and for CEL health expressions. It reads `cases.json` of a directory and writes `verdicts.json` next to it.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	fluxkustomize "github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"github.com/fluxcd/pkg/runtime/statusreaders"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

// input is a case: an object, and expressions if it is to be judged by them.
type input struct {
	Name   string          `json:"name"`
	Object json.RawMessage `json:"object"`
	// Seconds since the object was created; null leaves its time as it is.
	Age         *int64                                `json:"age,omitempty"`
	Expressions *fluxkustomize.HealthCheckExpressions `json:"expressions,omitempty"`
}

type verdict struct {
	Status  string `json:"status,omitempty"`
	Message string `json:"message,omitempty"`
	Error   string `json:"error,omitempty"`
}

type output struct {
	Name string   `json:"name"`
	By   string   `json:"by"`
	Said *verdict `json:"verdict"`
	// What Flux makes of a Job instead.
	Flux *verdict `json:"flux,omitempty"`
}

func main() {
	if err := record(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func record(directory string) error {
	text, err := os.ReadFile(filepath.Join(directory, "cases.json"))
	if err != nil {
		return err
	}
	var inputs []input
	if err := json.Unmarshal(text, &inputs); err != nil {
		return err
	}
	outputs := make([]output, 0, len(inputs))
	for _, in := range inputs {
		outputs = append(outputs, judge(in))
	}
	var made bytes.Buffer
	for index, out := range outputs {
		start := "[\n"
		if index > 0 {
			start = ",\n"
		}
		made.WriteString(start)
		// One case a line.
		var line bytes.Buffer
		encoder := json.NewEncoder(&line)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(out); err != nil {
			return err
		}
		made.Write(bytes.TrimRight(line.Bytes(), "\n"))
	}
	made.WriteString("\n]\n")
	return os.WriteFile(filepath.Join(directory, "verdicts.json"), made.Bytes(), 0o644)
}

func judge(in input) output {
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(in.Object); err != nil {
		return output{Name: in.Name, By: "none", Said: &verdict{Error: err.Error()}}
	}
	if in.Age != nil {
		created := time.Now().Add(-time.Duration(*in.Age) * time.Second).UTC().Format(time.RFC3339)
		_ = unstructured.SetNestedField(object.Object, created, "metadata", "creationTimestamp")
	}
	if in.Expressions != nil {
		evaluator, err := cel.NewStatusEvaluator(in.Expressions)
		if err != nil {
			return output{Name: in.Name, By: "expressions", Said: &verdict{Error: err.Error()}}
		}
		result, err := evaluator.Evaluate(context.Background(), object)
		if err != nil {
			return output{Name: in.Name, By: "expressions", Said: &verdict{Error: err.Error()}}
		}
		return output{Name: in.Name, By: "expressions", Said: &verdict{Status: string(result.Status)}}
	}
	out := output{Name: in.Name, By: "kstatus"}
	result, err := status.Compute(object)
	if err != nil {
		out.Said = &verdict{Error: err.Error()}
	} else {
		out.Said = &verdict{Status: string(result.Status), Message: result.Message}
	}
	if object.GetKind() == "Job" && object.GroupVersionKind().Group == "batch" {
		result := statusreaders.ComputeJobStatus(object)
		out.Flux = &verdict{Status: string(result.Status), Message: result.Message}
	}
	return out
}
