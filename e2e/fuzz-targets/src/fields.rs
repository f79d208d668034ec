//! A text as the path of a field, in everything that takes one: replacements, transformers' field specs, vars.

use crate::kustomization::build;

const OBJECTS: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, annotations: {'a.b/c': x, json: '{\"k\": [1, {\"n\": \"m\"}]}'}}\nspec:\n  containers:\n  - {name: a, image: x, args: [$(V)], env: [{name: A, value: '1'}]}\n  - {name: 'b.c', image: y}\n  '*': {'**': z}\n  a.b: {c: [1, [2, 3]]}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata: {x: y, 'k.v': 'q/r:s'}\n";

/// A byte that selects, and the path.
pub fn run(data: &[u8]) {
    let Some((selector, path)) = data.split_first() else {
        return;
    };
    let Ok(path) = str::from_utf8(path) else { return };
    let Ok(path) = serde_json::to_string(path) else {
        return;
    };
    let text = match selector % 6 {
        0 => format!(
            "replacements: [{{source: {{kind: ConfigMap, fieldPath: data.x}}, targets: [{{select: {{kind: Pod}}, fieldPaths: [{path}], options: {{create: true}}}}]}}]\n"
        ),
        1 => format!(
            "replacements: [{{source: {{kind: Pod, fieldPath: {path}, options: {{delimiter: /, index: 1}}}}, targets: [{{select: {{kind: ConfigMap}}, fieldPaths: [data.x], options: {{delimiter: ':', index: 0}}}}]}}]\n"
        ),
        2 => format!(
            "vars: [{{name: V, objref: {{apiVersion: v1, kind: Pod, name: a}}, fieldref: {{fieldPath: {path}}}}}]\n"
        ),
        3 => format!("labels: [{{pairs: {{l: m}}, fields: [{{path: {path}, create: true}}]}}]\n"),
        4 => "configurations: [more.yaml]\nnamePrefix: p-\n".to_owned(),
        _ => format!(
            "replacements: [{{source: {{kind: ConfigMap, fieldPath: data.x}}, targets: [{{select: {{kind: Pod}}, fieldPaths: [{path}]}}]}}]\n"
        ),
    };
    let text = format!("resources: [objects.yaml]\n{text}");
    let more = format!(
        "namePrefix: [{{path: {path}, create: true}}]\nnameReference: [{{kind: ConfigMap, fieldSpecs: [{{kind: Pod, path: {path}}}]}}]\n"
    );
    build(
        "kustomization.yaml",
        text.as_bytes(),
        &[("objects.yaml", OBJECTS), ("more.yaml", &more)],
    );
}

/// Paths of every form.
pub fn seeds() -> Vec<Vec<u8>> {
    let paths = [
        "data.x",
        "metadata.annotations.a\\.b/c",
        "metadata.annotations.[a.b/c]",
        "spec.containers.[name=a].image",
        "spec.containers.[name=b\\.c].env.0.value",
        "spec.containers.*.image",
        "spec.containers.-",
        "spec.a\\.b.c.1.0",
        "spec/containers[]/image",
        "spec/a\\/b",
        "",
        ".",
        "metadata/name",
    ];
    paths
        .iter()
        .flat_map(|path| (0..6).map(move |selector| [&[selector], path.as_bytes()].concat()))
        .collect()
}
