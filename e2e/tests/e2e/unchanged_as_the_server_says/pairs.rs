//! The pairs: an object as it is applied first, what others make of it, and how it is planned then.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Who touches objects, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Touch {
    /// Owns what we own too, with the same values, and something of its own.
    Shares,
    /// Takes a field and gives it another value.
    Takes,
    /// Is one of those whose fields we take over.
    Precedes,
    /// Leaves `stringData` behind under our own name.
    OursThroughText,
    /// The same under another one.
    TheirsThroughText,
}

/// The name under which each of them applies.
pub const MANAGERS: [(&str, Touch); 5] = [
    ("co-owner", Touch::Shares),
    ("thief", Touch::Takes),
    ("kubectl", Touch::Precedes),
    ("afterbay", Touch::OursThroughText),
    ("legacy", Touch::TheirsThroughText),
];

/// One object before and after.
#[derive(Debug)]
pub struct Pair {
    pub first: Value,
    pub second: Value,
    /// What is done to `first`, for messages.
    #[expect(dead_code, reason = "printed with a pair that is judged wrongly")]
    edit: &'static str,
    pub touches: BTreeMap<Touch, Value>,
}

impl Pair {
    /// `Kind/name`.
    pub fn title(&self) -> String {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        format!(
            "{}/{}",
            text(&self.first["kind"]),
            text(&self.first["metadata"]["name"])
        )
    }

    /// Whether it is of a kind of Kubernetes' own.
    pub fn is_built_in(&self) -> bool {
        !matches!(self.first["kind"].as_str(), Some("Gadget" | "Gizmo"))
    }
}

/// That many pairs, the same in every run.
pub fn generate(count: usize, namespace: &str) -> Vec<Pair> {
    let mut random = Random(0x5EED_2026_0010);
    (0..count)
        .map(|number| pair(number, namespace, &mut random))
        .collect()
}

/// The definition of a custom kind.
pub fn definition(namespace: &str, singular: &str) -> Value {
    let group = format!("{namespace}.example.com");
    let kind = kind_of(singular);
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("{singular}s.{group}") },
        "spec": {
            "group": group, "scope": "Namespaced",
            "names": { "kind": kind, "plural": format!("{singular}s"), "singular": singular },
            "versions": [{ "name": "v1", "served": true, "storage": true, "schema": { "openAPIV3Schema": {
                "type": "object",
                "properties": { "spec": { "type": "object", "properties": {
                    "size": { "type": "integer" },
                    "color": { "type": "string", "default": "green" },
                    "note": { "type": "string", "nullable": true },
                    "port": { "x-kubernetes-int-or-string": true },
                    "tags": { "type": "array", "x-kubernetes-list-type": "set", "items": { "type": "string" } },
                    "args": { "type": "array", "items": { "type": "string" } },
                    "rules": {
                        "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name", "from"],
                        "items": { "type": "object", "required": ["name"], "properties": {
                            "name": { "type": "string" }, "from": { "type": "string", "default": "env" }, "value": { "type": "string" },
                        } },
                    },
                    "steps": { "type": "array", "items": { "type": "object", "properties": {
                        "name": { "type": "string" }, "retries": { "type": "integer", "default": 3 },
                    } } },
                    "quotas": { "type": "object", "additionalProperties": { "type": "object", "properties": { "cpu": { "type": "string" } } } },
                    "whole": { "type": "object", "x-kubernetes-map-type": "atomic", "additionalProperties": { "type": "string" } },
                    "free": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
                } } },
            } } }],
        },
    })
}

fn kind_of(singular: &str) -> &'static str {
    if singular == "gadget" { "Gadget" } else { "Gizmo" }
}

fn pair(number: usize, namespace: &str, random: &mut Random) -> Pair {
    let mut first = object(number, namespace, random);
    first["metadata"]["name"] = json!(format!("pair-{number:03}"));
    if random.one_in(2) {
        first["metadata"]["labels"] = json!({ "app": "pair", "number": number.to_string() });
    }
    match random.below(5) {
        0 => first["metadata"]["annotations"] = json!({}),
        1 | 2 => {
            first["metadata"]["annotations"] = json!({ "example.com/a": "1", "example.com/b": "", "c": "3" });
        }
        _ => {}
    }
    if random.one_in(12) {
        first["metadata"]["finalizers"] = json!(["example.com/first", "example.com/second"]);
    }
    let mut second = first.clone();
    let edit = edit(&mut second, random);
    let touches = touches(&first, random);
    Pair {
        first,
        second,
        edit,
        touches,
    }
}

fn object(number: usize, namespace: &str, random: &mut Random) -> Value {
    match number % 20 {
        0..=3 => secret(random),
        4..=6 => config_map(random),
        7 | 8 => workload("Deployment", random),
        9 => workload("StatefulSet", random),
        10 => cron_job(random),
        11 | 12 => service(random),
        13 => network_policy(random),
        14 => ingress(random),
        15 => role(random),
        16 => limits(random),
        17 => scaler(random),
        18 => custom(namespace, "gadget", random),
        _ if number % 40 == 19 => custom(namespace, "gizmo", random),
        _ => claim(random),
    }
}

fn of(api_version: &str, kind: &str, fields: Value) -> Value {
    let mut object = json!({ "apiVersion": api_version, "kind": kind, "metadata": {} });
    if let Value::Object(fields) = fields {
        for (key, value) in fields {
            object[key] = value;
        }
    }
    object
}

fn secret(random: &mut Random) -> Value {
    let mut secret = of(
        "v1",
        "Secret",
        json!({ "data": { "a": "b25l", "b": "dHdvdHdvdHdvdHdvdHdvdHdv", "empty": "" } }),
    );
    match random.below(6) {
        0 => secret["data"] = json!({}),
        1 => secret["stringData"] = json!({ "a": "from text", "c": "more\ntext" }),
        2 => secret["type"] = json!("example.com/credentials"),
        3 => secret["data"]["null"] = Value::Null,
        _ => {}
    }
    secret
}

fn config_map(random: &mut Random) -> Value {
    let mut map = of(
        "v1",
        "ConfigMap",
        json!({ "data": { "a": "1", "b": "line\nline\n", "empty": "", "html": "<&>" } }),
    );
    match random.below(6) {
        0 => map["data"] = json!({}),
        1 => map["binaryData"] = json!({ "bytes": "YWJjZGVmZ2hpamts" }),
        2 => map["binaryData"] = json!({ "bytes": "YWJj\nZGVm\nZ2hpamts\n" }),
        3 => map["immutable"] = json!(false),
        4 => map["data"] = Value::Null,
        _ => {}
    }
    map
}

fn container(name: &str, random: &mut Random) -> Value {
    let mut container = json!({ "name": name, "image": "registry.example.com/shop:1" });
    let resources = [
        json!({ "requests": { "cpu": "0.5", "memory": "1024Mi" }, "limits": { "cpu": "2000m", "memory": "2Gi" } }),
        json!({ "requests": { "cpu": 1, "memory": "128974848", "ephemeral-storage": "1.5Gi" } }),
        json!({ "limits": { "memory": "1e9", "cpu": "0.1" } }),
        json!({}),
    ];
    if random.one_in(2) {
        container["resources"] = random.of(&resources);
    }
    let ports = [
        json!([{ "containerPort": 80 }]),
        json!([{ "containerPort": 53, "protocol": "UDP" }, { "containerPort": 53, "name": "dns" }]),
        json!([{ "containerPort": 8080, "protocol": "TCP", "name": "http" }, { "containerPort": 9090 }]),
        json!([]),
    ];
    if random.one_in(2) {
        container["ports"] = random.of(&ports);
    }
    let environments = [
        json!([{ "name": "A", "value": "1" }, { "name": "B", "value": "" }, { "name": "C" }]),
        json!([
            { "name": "NODE", "valueFrom": { "fieldRef": { "fieldPath": "spec.nodeName" } } },
            { "name": "CPU", "valueFrom": { "resourceFieldRef": { "resource": "limits.cpu" } } },
            { "name": "KEY", "valueFrom": { "secretKeyRef": { "name": "keys", "key": "k", "optional": true } } },
        ]),
        json!([]),
        Value::Null,
    ];
    if random.one_in(2) {
        container["env"] = random.of(&environments);
    }
    let probes = [
        json!({ "httpGet": { "path": "/", "port": 80 } }),
        json!({ "httpGet": { "port": "http", "scheme": "HTTPS", "httpHeaders": [{ "name": "X", "value": "1" }] }, "periodSeconds": 5 }),
        json!({ "tcpSocket": { "port": 80 }, "initialDelaySeconds": 0 }),
        json!({ "exec": { "command": ["true"] } }),
    ];
    if random.one_in(3) {
        container["livenessProbe"] = random.of(&probes);
    }
    if random.one_in(3) {
        container["args"] = random.of(&[json!(["--a", "--b=1"]), json!([])]);
    }
    if random.one_in(3) {
        container["securityContext"] = random.of(&[
            json!({}),
            json!({ "runAsNonRoot": true, "capabilities": { "drop": ["ALL"] } }),
        ]);
    }
    if random.one_in(3) {
        container["volumeMounts"] = json!([{ "name": "data", "mountPath": "/data" }, { "name": "data", "mountPath": "/cache", "readOnly": false }]);
    }
    container
}

fn pod(random: &mut Random) -> Value {
    let volumes = [
        json!([{ "name": "data", "emptyDir": {} }]),
        json!([{ "name": "data", "emptyDir": { "sizeLimit": "1024Mi" } }, { "name": "files", "configMap": { "name": "files", "defaultMode": 420 } }]),
        json!([{ "name": "data", "projected": { "sources": [
            { "serviceAccountToken": { "path": "token" } },
            { "downwardAPI": { "items": [{ "path": "name", "fieldRef": { "fieldPath": "metadata.name" } }] } },
        ] } }]),
    ];
    let mut spec = json!({ "containers": [container("web", random)], "volumes": random.of(&volumes) });
    if let (true, Some(containers)) = (random.one_in(3), spec["containers"].as_array_mut()) {
        containers.push(container("side", random));
    }
    if random.one_in(3) {
        spec["tolerations"] = json!([{ "key": "a", "operator": "Exists", "effect": "NoSchedule" }]);
    }
    if random.one_in(4) {
        spec["imagePullSecrets"] = json!([{ "name": "registry" }]);
    }
    if random.one_in(4) {
        spec["topologySpreadConstraints"] = json!([{
            "maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": { "matchLabels": { "app": "pair" } },
        }]);
    }
    if random.one_in(4) {
        spec["affinity"] = json!({ "podAntiAffinity": { "preferredDuringSchedulingIgnoredDuringExecution": [{
            "weight": 1, "podAffinityTerm": { "topologyKey": "host", "labelSelector": { "matchLabels": { "app": "pair" } } },
        }] } });
    }
    if random.one_in(4) {
        spec["nodeSelector"] = random.of(&[json!({}), json!({ "disk": "ssd" })]);
    }
    json!({ "metadata": { "labels": { "app": "pair" } }, "spec": spec })
}

fn workload(kind: &str, random: &mut Random) -> Value {
    let mut object = of(
        "apps/v1",
        kind,
        json!({ "spec": { "replicas": 0, "selector": { "matchLabels": { "app": "pair" } }, "template": pod(random) } }),
    );
    if kind == "StatefulSet" {
        object["spec"]["serviceName"] = json!("pair");
        if random.one_in(2) {
            object["spec"]["volumeClaimTemplates"] = json!([{
                "metadata": { "name": "disk" },
                "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1024Mi" } } },
            }]);
        }
    } else if random.one_in(3) {
        object["spec"]["strategy"] = random.of(&[
            json!({ "rollingUpdate": { "maxSurge": 1, "maxUnavailable": "25%" } }),
            json!({ "type": "Recreate" }),
            json!({}),
        ]);
    }
    object
}

fn cron_job(random: &mut Random) -> Value {
    let mut pod = pod(random);
    pod["spec"]["restartPolicy"] = json!("Never");
    of(
        "batch/v1",
        "CronJob",
        json!({ "spec": { "schedule": "0 0 1 1 *", "suspend": true, "jobTemplate": { "spec": { "template": pod } } } }),
    )
}

fn service(random: &mut Random) -> Value {
    let ports = [
        json!([{ "port": 80 }]),
        json!([{ "name": "http", "port": 80, "targetPort": "http" }, { "name": "dns", "port": 53, "protocol": "UDP", "targetPort": 5353 }]),
        json!([{ "name": "tcp", "port": 53, "protocol": "TCP" }, { "name": "udp", "port": 53, "protocol": "UDP" }]),
    ];
    let mut service = of(
        "v1",
        "Service",
        json!({ "spec": { "selector": { "app": "pair" }, "ports": random.of(&ports) } }),
    );
    match random.below(4) {
        0 => service["spec"]["type"] = json!("ClusterIP"),
        1 => service["spec"]["clusterIP"] = json!("None"),
        2 => service["spec"]["sessionAffinity"] = json!("ClientIP"),
        _ => {}
    }
    service
}

fn network_policy(random: &mut Random) -> Value {
    let rules = [
        json!([{ "from": [{ "podSelector": {} }], "ports": [{ "port": 80 }] }]),
        json!([{ "ports": [{ "protocol": "UDP", "port": 53 }, { "port": "dns" }] }]),
        json!([{}]),
        json!([]),
    ];
    of(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        json!({ "spec": { "podSelector": {}, "policyTypes": ["Ingress"], "ingress": random.of(&rules) } }),
    )
}

fn ingress(random: &mut Random) -> Value {
    let port = random.of(&[json!({ "number": 80 }), json!({ "name": "http" })]);
    of(
        "networking.k8s.io/v1",
        "Ingress",
        json!({ "spec": {
            "rules": [{ "host": "shop.example.com", "http": { "paths": [
                { "path": "/", "pathType": "Prefix", "backend": { "service": { "name": "pair", "port": port } } },
            ] } }],
            "tls": [{ "hosts": ["shop.example.com"], "secretName": "tls" }],
        } }),
    )
}

fn role(random: &mut Random) -> Value {
    if random.one_in(2) {
        return of(
            "rbac.authorization.k8s.io/v1",
            "Role",
            json!({ "rules": [{ "apiGroups": [""], "resources": ["secrets"], "verbs": ["get"], "resourceNames": [] }] }),
        );
    }
    of(
        "rbac.authorization.k8s.io/v1",
        "RoleBinding",
        json!({
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view" },
            "subjects": [{ "kind": "ServiceAccount", "name": "default", "namespace": "default" }],
        }),
    )
}

fn limits(random: &mut Random) -> Value {
    if random.one_in(2) {
        return of(
            "v1",
            "ResourceQuota",
            json!({ "spec": { "hard": { "requests.cpu": "1000.5", "requests.memory": "1024Gi", "services": 10000 } } }),
        );
    }
    of(
        "v1",
        "ServiceAccount",
        json!({ "automountServiceAccountToken": false, "imagePullSecrets": [{ "name": "registry" }] }),
    )
}

fn scaler(random: &mut Random) -> Value {
    if random.one_in(2) {
        return of(
            "policy/v1",
            "PodDisruptionBudget",
            json!({ "spec": { "minAvailable": random.of(&[json!(1), json!("50%")]), "selector": { "matchLabels": { "app": "pair" } } } }),
        );
    }
    of(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        json!({ "spec": {
            "maxReplicas": 3, "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "none" },
            "metrics": [{ "type": "Resource", "resource": { "name": "cpu", "target": { "type": "AverageValue", "averageValue": "0.5" } } }],
        } }),
    )
}

fn claim(random: &mut Random) -> Value {
    let size = random.of(&[json!("1024Mi"), json!("1Gi"), json!("1.5Gi")]);
    of(
        "v1",
        "PersistentVolumeClaim",
        json!({ "spec": { "accessModes": ["ReadWriteOnce"], "storageClassName": "none", "resources": { "requests": { "storage": size } } } }),
    )
}

fn custom(namespace: &str, singular: &str, random: &mut Random) -> Value {
    let mut spec = json!({ "size": 1, "port": 80, "args": ["a", "b"] });
    let parts = [
        (
            "rules",
            json!([{ "name": "a" }, { "name": "a", "from": "file", "value": "x" }]),
        ),
        ("tags", json!(["x", "y"])),
        (
            "steps",
            json!([{ "name": "one" }, { "name": "two", "retries": 1 }]),
        ),
        ("quotas", json!({ "a": { "cpu": "0.5" }, "b": {} })),
        ("whole", json!({ "k": "v" })),
        ("free", json!({ "a": { "b": [1, { "c": 2 }] }, "n": 1, "e": {} })),
        ("note", Value::Null),
        ("port", json!("80")),
        ("rules", json!([])),
    ];
    for (name, value) in parts {
        if random.one_in(2) {
            spec[name] = value;
        }
    }
    of(
        &format!("{namespace}.example.com/v1"),
        kind_of(singular),
        json!({ "spec": spec }),
    )
}

/// Makes the second object another one, or writes the same otherwise; says what was done.
fn edit(object: &mut Value, random: &mut Random) -> &'static str {
    let done = match random.below(14) {
        0 | 7 => respell(object).then_some("other forms of the same values"),
        1 => {
            reverse(object);
            Some("keys in another order")
        }
        2 => remove(object).then_some("an entry removed"),
        3 => add(object).then_some("an entry added"),
        4 => replace(object, random).then_some("a value changed"),
        5 => reorder(object).then_some("items in another order"),
        6 => emptied(object).then_some("empty values added"),
        _ => None,
    };
    done.unwrap_or("nothing")
}

/// The map that people edit most, by kind.
fn entries(object: &mut Value) -> Option<&mut Map<String, Value>> {
    let pointer = if object["data"].is_object() {
        "/data"
    } else {
        "/metadata/annotations"
    };
    object.pointer_mut(pointer)?.as_object_mut()
}

fn remove(object: &mut Value) -> bool {
    entries(object).is_some_and(|entries| {
        let first = entries.keys().next().cloned();
        first.is_some_and(|key| entries.remove(&key).is_some())
    })
}

fn add(object: &mut Value) -> bool {
    entries(object).is_some_and(|entries| entries.insert("added".to_owned(), json!("bW9yZQ==")).is_none())
}

/// One of the values that can change without the object becoming wrong.
fn replace(object: &mut Value, random: &mut Random) -> bool {
    let container = "/spec/template/spec/containers/0";
    let candidates = [
        ("/data/a".to_owned(), json!("bmV3")),
        ("/metadata/annotations/c".to_owned(), json!("new")),
        ("/metadata/labels/number".to_owned(), json!("new")),
        (format!("{container}/image"), json!("registry.example.com/shop:2")),
        (format!("{container}/env/1/value"), json!("new")),
        (format!("{container}/resources/requests/cpu"), json!("0.75")),
        (format!("{container}/ports/0/containerPort"), json!(81)),
        (format!("{container}/args/0"), json!("--new")),
        ("/spec/ports/0/targetPort".to_owned(), json!("8080")),
        ("/spec/ingress/0/ports/0/port".to_owned(), json!(81)),
        ("/spec/rules/0/host".to_owned(), json!("new.example.com")),
        ("/spec/size".to_owned(), json!(2)),
        ("/spec/port".to_owned(), json!("http")),
        ("/spec/args/0".to_owned(), json!("new")),
        ("/rules/0/verbs/0".to_owned(), json!("list")),
        ("/spec/maxReplicas".to_owned(), json!(4)),
    ];
    let there: Vec<&(String, Value)> = candidates
        .iter()
        .filter(|(pointer, _)| object.pointer(pointer).is_some())
        .collect();
    if there.is_empty() {
        return false;
    }
    let (pointer, value) = there[random.below(there.len())];
    object
        .pointer_mut(pointer)
        .map(|place| *place = value.clone())
        .is_some()
}

/// Writes values in other forms, whether they mean the same to the server or not.
fn respell(value: &mut Value) -> bool {
    let forms = [
        ("0.5", "500m"),
        ("1024Mi", "1Gi"),
        ("2000m", "2"),
        ("1Gi", "1073741824"),
        ("YWJjZGVmZ2hpamts", "YWJjZGVm\nZ2hpamts"),
        ("1000.5", "1000500m"),
        ("80", "080"),
    ];
    match value {
        Value::String(text) => {
            let form = forms.iter().find(|(form, _)| form == text);
            form.is_some_and(|(_, other)| {
                (*other).clone_into(text);
                true
            })
        }
        Value::Array(items) => items.iter_mut().map(respell).filter(|done| *done).count() > 0,
        Value::Object(fields) => {
            let mut done = false;
            for (key, value) in fields {
                if key == "cpu" && *value == json!(1) {
                    *value = json!("1000m");
                    done = true;
                }
                done |= respell(value);
            }
            done
        }
        _ => false,
    }
}

fn reverse(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let mut turned: Vec<(String, Value)> = std::mem::take(fields).into_iter().collect();
            turned.reverse();
            for (_, value) in &mut turned {
                reverse(value);
            }
            fields.extend(turned);
        }
        Value::Array(items) => items.iter_mut().for_each(reverse),
        _ => {}
    }
}

/// Turns the first list of two items or more round.
fn reorder(value: &mut Value) -> bool {
    match value {
        Value::Array(items) if items.len() > 1 => {
            items.reverse();
            true
        }
        Value::Array(items) => items.iter_mut().any(reorder),
        Value::Object(fields) => fields.values_mut().any(reorder),
        _ => false,
    }
}

fn emptied(object: &mut Value) -> bool {
    if object["metadata"]["annotations"].is_null() {
        object["metadata"]["annotations"] = json!({});
    }
    let container = object.pointer_mut("/spec/template/spec/containers/0");
    if let Some(Value::Object(container)) = container {
        for (name, value) in [
            ("env", json!([])),
            ("args", json!([])),
            ("workingDir", json!("")),
            ("lifecycle", Value::Null),
            ("stdin", json!(false)),
        ] {
            container.entry(name).or_insert(value);
        }
    }
    true
}

/// What others make of the object.
fn touches(object: &Value, random: &mut Random) -> BTreeMap<Touch, Value> {
    let named = || json!({ "apiVersion": object["apiVersion"], "kind": object["kind"], "metadata": { "name": object["metadata"]["name"] } });
    let mut touches = BTreeMap::new();
    match random.below(14) {
        0 | 1 => {
            let mut shared = named();
            shared["metadata"]["annotations"] = json!({ "example.com/theirs": "x" });
            if object["data"]["b"].is_string() {
                shared["data"] = json!({ "b": object["data"]["b"] });
            }
            let resources = object.pointer("/spec/template/spec/containers/0/resources/requests");
            if let (Some(requests), "Deployment" | "StatefulSet") =
                (resources, object["kind"].as_str().unwrap_or_default())
            {
                // In the server's own form, so that ours is another text.
                let cpu = if requests["cpu"] == json!(1) { "1" } else { "500m" };
                shared["spec"] = json!({ "template": { "spec": { "containers": [{
                    "name": "web", "resources": { "requests": { "cpu": cpu } }, "env": [{ "name": "THEIRS", "value": "x" }],
                }] } } });
            }
            if object["metadata"]["finalizers"].is_array() {
                shared["metadata"]["finalizers"] = json!(["example.com/theirs"]);
            }
            touches.insert(Touch::Shares, shared);
        }
        2 => {
            let mut taken = named();
            taken["metadata"]["annotations"] = json!({ "c": "taken" });
            if object["data"]["a"].is_string() {
                taken["data"] = json!({ "a": "dGFrZW4=" });
            }
            if object["kind"] == "Deployment" {
                taken["spec"] = json!({ "replicas": 1, "paused": true });
            }
            touches.insert(Touch::Takes, taken);
        }
        3 => {
            let mut before = named();
            before["metadata"]["annotations"] = json!({ "example.com/before": "x" });
            touches.insert(Touch::Precedes, before);
        }
        4..=7 if object["kind"] == "Secret" => {
            let mut text = named();
            text["stringData"] = json!({ "left": "x" });
            // What we do not apply any more would go, and a type cannot.
            if object["type"].is_string() {
                text["type"] = object["type"].clone();
            }
            let touch = if random.one_in(2) {
                Touch::OursThroughText
            } else {
                Touch::TheirsThroughText
            };
            touches.insert(touch, text);
        }
        _ => {}
    }
    touches
}

/// xorshift64: the same pairs in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::from(self.0.to_be_bytes()[2]) % limit
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn of(&mut self, values: &[Value]) -> Value {
        values[self.below(values.len())].clone()
    }
}
