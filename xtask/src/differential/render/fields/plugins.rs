//! Files that configure: `configurations`, `crds`, `openapi`, and builtin plugins by files of their own.

use serde_json::{Value, json};

use super::{generators, one, put, target, values_from};
use crate::differential::render::layers::{Layer, Maker};
use crate::differential::render::tree::{Content, embedded};
use crate::differential::render::{patches, values};

pub(super) fn configurations(maker: &mut Maker, layer: &mut Layer) {
    let random = &mut maker.random;
    let mut all = json!({});
    let spec = |path: &str, kind: &str| json!({"path": path, "kind": kind});
    if random.once_in(2) {
        let reference = json!({"kind": random.pick(&["ConfigMap", "Secret", "ServiceAccount", "Service"]), "version": "v1", "fieldSpecs": [
            spec("spec/secretName", "Certificate"), spec("spec/issuerRef/name", "Certificate"), spec("spec/valuesFrom/name", "HelmRelease")]});
        all["nameReference"] = json!([reference]);
    }
    if random.once_in(3) {
        all["images"] = json!([
            spec("spec/values/image/repository", "HelmRelease"),
            spec("spec/image", "Certificate")
        ]);
    }
    if random.once_in(3) {
        all["commonLabels"] = json!([{"path": "spec/selector/matchLabels", "kind": "Certificate", "create": random.once_in(2)}]);
    }
    if random.once_in(3) {
        all["namePrefix"] = json!([spec("metadata/name", "ConfigMap"), {"path": "metadata/name"}]);
    }
    if random.once_in(4) {
        all["namespace"] = json!([{"path": "spec/targetNamespace", "kind": "HelmRelease", "create": true}]);
    }
    if random.once_in(4) {
        all["varReference"] = json!([
            spec("spec/dnsNames", "Certificate"),
            spec("spec/values", "HelmRelease"),
            spec("data", "ConfigMap")
        ]);
    }
    if random.once_in(4) {
        all["replicas"] = json!([{"path": "spec/replicas", "kind": "Rollout", "create": true}]);
        all["commonAnnotations"] = json!([{"path": "spec/annotations", "create": true, "kind": "Service"}]);
    }
    maker.file(layer, "configuration.yaml", Content::Documents(vec![all]));
    put(layer, "configurations", json!(["configuration.yaml"]));
}

pub(super) fn crds(maker: &mut Maker, layer: &mut Layer) {
    let property = json!({"type": "object", "x-kubernetes-object-ref-api-version": "v1", "x-kubernetes-object-ref-kind": "Secret",
        "x-kubernetes-object-ref-name-key": "secretName"});
    let all = json!({"github.com/acme/v1.Certificate": {"Schema": {"description": "x", "properties": {"kind": {"type": "string"},
        "apiVersion": {"type": "string"}, "metadata": {"type": "object"}, "spec": property}}}});
    maker.file(layer, "crds.json", Content::Documents(vec![all]));
    put(layer, "crds", json!(["crds.json"]));
}

pub(super) fn openapi(maker: &mut Maker, layer: &mut Layer) {
    if maker.random.once_in(6) {
        let version = maker.random.pick(&["v1.21.2", "v1.20.4", ""]);
        put(layer, "openapi", json!({ "version": version }));
        return;
    }
    let containers = json!({"type": "array", "items": {"type": "object"}, "x-kubernetes-patch-merge-key": "name",
        "x-kubernetes-patch-strategy": "merge"});
    let spec = json!({"type": "object", "properties": {"template": {"type": "object", "properties": {"spec": {"type": "object",
        "properties": {"containers": containers}}}}}});
    let kind = json!([{"group": "argoproj.io", "kind": "Rollout", "version": "v1alpha1"}]);
    let all = json!({"definitions": {"v1alpha1.Rollout": {"type": "object", "properties": {"apiVersion": {"type": "string"},
        "kind": {"type": "string"}, "metadata": {"type": "object"}, "spec": spec}, "x-kubernetes-group-version-kind": kind}}});
    maker.file(layer, "schema.json", Content::Documents(vec![all]));
    put(layer, "openapi", json!({"path": "schema.json"}));
}

fn plugin(kind: &str, fields: Value) -> Value {
    let mut all = json!({"apiVersion": "builtin", "kind": kind, "metadata": {"name": "any"}});
    if let (Value::Object(all), Value::Object(fields)) = (&mut all, fields) {
        all.extend(fields);
    }
    all
}

pub(super) fn transformers(maker: &mut Maker, layer: &mut Layer) {
    let mut list: Vec<Value> = Vec::new();
    for index in 0..=maker.random.below(2) {
        let Some(document) = transformer(maker, layer) else {
            return;
        };
        if maker.random.once_in(3) {
            list.push(embedded(&[document]));
        } else {
            let name = format!("transformer-{index}.yaml");
            maker.file(layer, &name, Content::Documents(vec![document]));
            list.push(name.into());
        }
    }
    put(layer, "transformers", list);
}

fn transformer(maker: &mut Maker, layer: &Layer) -> Option<Value> {
    let seen = one(maker, layer)?;
    let metadata = json!([{"path": "metadata/name"}]);
    Some(match maker.random.below(9) {
        0 => {
            let random = &mut maker.random;
            let mut fields = json!({"metadata": {"name": "any", "namespace": random.pick(&values::NAMESPACES)},
                "fieldSpecs": [{"path": "metadata/name", "kind": "Namespace", "create": true}]});
            if random.once_in(2) {
                fields["unsetOnly"] = json!(true);
            }
            if random.once_in(2) {
                fields["setRoleBindingSubjects"] =
                    random.pick(&["none", "allServiceAccounts", "defaultOnly"]).into();
            }
            plugin("NamespaceTransformer", fields)
        }
        1 => plugin(
            "PrefixTransformer",
            json!({"prefix": "p-", "fieldSpecs": metadata}),
        ),
        2 => plugin(
            "SuffixTransformer",
            json!({"suffix": "-s", "fieldSpecs": metadata}),
        ),
        3 => {
            let specs = json!([{"path": "metadata/labels", "create": true}, {"path": "spec/selector", "kind": "Service", "create": false}]);
            plugin(
                "LabelTransformer",
                json!({"labels": values::labels(&mut maker.random, 2), "fieldSpecs": specs}),
            )
        }
        4 => {
            let specs = json!([{"path": "metadata/annotations", "create": true}]);
            plugin(
                "AnnotationsTransformer",
                json!({"annotations": values::text_annotations(&mut maker.random, 2), "fieldSpecs": specs}),
            )
        }
        5 => plugin(
            "ImageTagTransformer",
            json!({"imageTag": {"name": "nginx", "newTag": "plugin"},
            "fieldSpecs": [{"path": "spec/values/image/repository"}]}),
        ),
        6 => plugin(
            "ReplicaCountTransformer",
            json!({"replica": {"name": seen.name(), "count": 5},
            "fieldSpecs": [{"path": "spec/replicas", "create": true, "kind": seen.kind()}]}),
        ),
        7 => plugin(
            "ReplacementTransformer",
            json!({"replacements": [values_from::replacement(maker, layer)?]}),
        ),
        _ => {
            let target = target(maker, &seen);
            let patch = embedded(&[patches::operations(&mut maker.random, &mut seen.value.clone())]);
            plugin("PatchTransformer", json!({"target": target, "patch": patch}))
        }
    })
}

pub(super) fn generators(maker: &mut Maker, layer: &mut Layer) {
    let kind = maker.random.pick(&["ConfigMapGenerator", "SecretGenerator"]);
    let mut document = plugin(kind, json!({"metadata": {"name": "plugged"}}));
    generators::sources(maker, layer, &mut document);
    maker.file(layer, "generator.yaml", Content::Documents(vec![document]));
    put(layer, "generators", json!(["generator.yaml"]));
}

pub(super) fn validators(maker: &mut Maker, layer: &mut Layer) {
    let Some(document) = transformer(maker, layer) else {
        return;
    };
    maker.file(layer, "validator.yaml", Content::Documents(vec![document]));
    put(layer, "validators", json!(["validator.yaml"]));
}
