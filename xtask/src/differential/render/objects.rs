//! Objects as repositories have them, that name each other.

use serde_json::{Map, Value, json};

use super::values::{self, NAMESPACES};
use crate::differential::random::Random;

/// Kinds, the frequent ones more than once.
const KINDS: [&str; 40] = [
    "Deployment",
    "Deployment",
    "Deployment",
    "Deployment",
    "StatefulSet",
    "StatefulSet",
    "DaemonSet",
    "CronJob",
    "CronJob",
    "Job",
    "Pod",
    "Service",
    "Service",
    "Service",
    "Ingress",
    "Ingress",
    "ConfigMap",
    "ConfigMap",
    "ConfigMap",
    "Secret",
    "Secret",
    "ServiceAccount",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ClusterRole",
    "ClusterRoleBinding",
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
    "NetworkPolicy",
    "PersistentVolumeClaim",
    "PersistentVolume",
    "StorageClass",
    "Namespace",
    "CustomResourceDefinition",
    "ValidatingWebhookConfiguration",
    "APIService",
    "HelmRelease",
    "Certificate",
    "Rollout",
];

const CLUSTER_SCOPED: [&str; 9] = [
    "ClusterRole",
    "ClusterRoleBinding",
    "PersistentVolume",
    "StorageClass",
    "Namespace",
    "CustomResourceDefinition",
    "ValidatingWebhookConfiguration",
    "APIService",
    "PriorityClass",
];

/// Any object.
pub(super) fn object(random: &mut Random) -> Value {
    let kind = random.pick(&KINDS);
    let name = values::name(random);
    let mut object = Map::new();
    let (api_version, fields) = body(random, kind, name);
    object.insert("apiVersion".to_owned(), api_version.into());
    object.insert("kind".to_owned(), kind.into());
    object.insert("metadata".to_owned(), metadata(random, kind, name));
    if let Value::Object(fields) = fields {
        object.extend(fields);
    }
    if random.once_in(8) {
        let mut entries: Vec<_> = object.into_iter().collect();
        entries.reverse();
        object = entries.into_iter().collect();
    }
    Value::Object(object)
}

fn metadata(random: &mut Random, kind: &str, name: &str) -> Value {
    let full = match kind {
        "CustomResourceDefinition" => format!("{name}s.acme.io"),
        "APIService" => format!("v1.{name}.acme.io"),
        _ => name.to_owned(),
    };
    let mut all = json!({ "name": full });
    if random.once_in(4) && !CLUSTER_SCOPED.contains(&kind) {
        all["namespace"] = random.pick(&NAMESPACES).into();
    }
    if !random.once_in(3) {
        let count = random.below(3);
        all["labels"] = values::labels(random, count).into();
    }
    if random.once_in(3) {
        let count = 1 + random.below(2);
        all["annotations"] = values::annotations(random, count).into();
    }
    all
}

fn body(random: &mut Random, kind: &str, name: &str) -> (&'static str, Value) {
    match kind {
        "Deployment" | "DaemonSet" | "StatefulSet" | "Rollout" => workload(random, kind),
        "CronJob" => {
            let template = template(random);
            let version = random.pick(&["batch/v1", "batch/v1", "batch/v1beta1"]);
            (
                version,
                json!({"spec": {"schedule": "*/5 * * * *", "jobTemplate": {"spec": {"template": template}}}}),
            )
        }
        "Job" => (
            "batch/v1",
            json!({"spec": {"template": template(random), "backoffLimit": 3}}),
        ),
        "Pod" => ("v1", json!({"spec": pod(random)})),
        "Service" => ("v1", service(random)),
        "Ingress" => ingress(random),
        "ConfigMap" => ("v1", config_map(random)),
        "Secret" => ("v1", secret(random)),
        "ServiceAccount" => (
            "v1",
            json!({"imagePullSecrets": [{"name": values::name(random)}], "secrets": [{"name": values::name(random)}]}),
        ),
        "Role" | "ClusterRole" => {
            let rule = json!({"apiGroups": ["", "apps"], "resources": ["secrets", "configmaps"], "verbs": ["get"],
                "resourceNames": [values::name(random), values::name(random)]});
            ("rbac.authorization.k8s.io/v1", json!({"rules": [rule]}))
        }
        "RoleBinding" | "ClusterRoleBinding" => binding(random, kind),
        "HorizontalPodAutoscaler" => {
            let reference = json!({"apiVersion": "apps/v1", "kind": random.pick(&["Deployment", "StatefulSet"]), "name": values::name(random)});
            let metric = json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}});
            let spec =
                json!({"scaleTargetRef": reference, "minReplicas": 1, "maxReplicas": 4, "metrics": [metric]});
            (
                random.pick(&["autoscaling/v2", "autoscaling/v2beta2"]),
                json!({"spec": spec}),
            )
        }
        "PodDisruptionBudget" => (
            random.pick(&["policy/v1", "policy/v1beta1"]),
            json!({"spec": {"minAvailable": 1, "selector": {"matchLabels": values::labels(random, 1)}}}),
        ),
        "NetworkPolicy" => ("networking.k8s.io/v1", network_policy(random)),
        "PersistentVolumeClaim" => {
            let spec = json!({"accessModes": ["ReadWriteOnce"], "storageClassName": values::name(random), "volumeName": values::name(random),
                "resources": {"requests": {"storage": "1Gi"}}});
            ("v1", json!({"spec": spec}))
        }
        "PersistentVolume" => {
            let claim = json!({"name": values::name(random), "namespace": random.pick(&NAMESPACES)});
            (
                "v1",
                json!({"spec": {"capacity": {"storage": "1Gi"}, "storageClassName": values::name(random), "claimRef": claim}}),
            )
        }
        "StorageClass" => (
            "storage.k8s.io/v1",
            json!({"provisioner": "acme.io/disk", "parameters": {"type": "fast"}}),
        ),
        "Namespace" => ("v1", json!({})),
        _ => extension(random, kind, name),
    }
}

/// What extends the API, and kinds that are no part of it.
fn extension(random: &mut Random, kind: &str, name: &str) -> (&'static str, Value) {
    match kind {
        "CustomResourceDefinition" => ("apiextensions.k8s.io/v1", definition(random, name)),
        "APIService" => {
            let service = json!({"name": values::name(random), "namespace": random.pick(&NAMESPACES)});
            (
                "apiregistration.k8s.io/v1",
                json!({"spec": {"service": service, "group": format!("{name}.acme.io"), "version": "v1"}}),
            )
        }
        "ValidatingWebhookConfiguration" => {
            let service = json!({"name": values::name(random), "namespace": random.pick(&NAMESPACES), "path": "/validate"});
            let hook = json!({"name": "a.acme.io", "clientConfig": {"service": service, "caBundle": "Cg=="}, "sideEffects": "None",
                "admissionReviewVersions": ["v1"]});
            ("admissionregistration.k8s.io/v1", json!({"webhooks": [hook]}))
        }
        "HelmRelease" => {
            let values_from =
                json!([{"kind": random.pick(&["ConfigMap", "Secret"]), "name": values::name(random)}]);
            let chart = json!({"spec": {"chart": name, "version": "1.x", "sourceRef": {"kind": "HelmRepository", "name": values::name(random)}}});
            let values = json!({"image": {"repository": "nginx", "tag": values::scalar(random)}, "ingress": {"enabled": true, "hosts": [
                {"host": "a.example.com", "paths": ["/"]}, {"host": "b.example.com"}]}, "extra": values::scalar(random), "list": [1, "a"]});
            (
                "helm.toolkit.fluxcd.io/v2",
                json!({"spec": {"interval": "5m", "chart": chart, "valuesFrom": values_from, "values": values}}),
            )
        }
        _ => {
            let issuer = json!({"name": values::name(random), "kind": "Issuer"});
            let spec = json!({"secretName": values::name(random), "dnsNames": ["a.example.com", "b.example.com"], "issuerRef": issuer,
                "serviceAccountName": values::name(random), "odd": values::scalar(random), "selector": {"matchLabels": values::labels(random, 1)}});
            ("cert-manager.io/v1", json!({"spec": spec}))
        }
    }
}

fn workload(random: &mut Random, kind: &str) -> (&'static str, Value) {
    let mut spec =
        json!({"selector": {"matchLabels": values::labels(random, 1)}, "template": template(random)});
    if kind != "DaemonSet" && !random.once_in(4) {
        spec["replicas"] = json!(random.below(4));
    }
    match kind {
        "StatefulSet" => {
            spec["serviceName"] = values::name(random).into();
            let claim = json!({"metadata": {"name": "data", "labels": values::labels(random, 1)}, "spec": {"accessModes": ["ReadWriteOnce"],
                "storageClassName": values::name(random), "resources": {"requests": {"storage": "1Gi"}}}});
            spec["volumeClaimTemplates"] = json!([claim]);
        }
        "Deployment" if random.once_in(3) => {
            spec["strategy"] =
                json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": "25%"}});
        }
        _ => {}
    }
    let version = match kind {
        "Rollout" => "argoproj.io/v1alpha1",
        _ if random.once_in(12) => "extensions/v1beta1",
        _ => "apps/v1",
    };
    (version, json!({ "spec": spec }))
}

fn template(random: &mut Random) -> Value {
    let mut metadata = json!({"labels": values::labels(random, 2)});
    if random.once_in(4) {
        metadata["annotations"] = values::annotations(random, 1).into();
    }
    if random.once_in(8) {
        json!({"spec": pod(random)})
    } else {
        json!({"metadata": metadata, "spec": pod(random)})
    }
}

fn pod(random: &mut Random) -> Value {
    let mut containers = vec![container(random, "main")];
    if random.once_in(2) {
        containers.push(container(random, "sidecar"));
    }
    let mut spec = json!({ "containers": containers });
    if random.once_in(3) {
        spec["initContainers"] = json!([container(random, "init")]);
    }
    if random.once_in(3) {
        spec["serviceAccountName"] = values::name(random).into();
    }
    if random.once_in(4) {
        spec["imagePullSecrets"] = json!([{"name": values::name(random)}]);
    }
    if random.once_in(2) {
        let volumes = [
            json!({"name": "config", "configMap": {"name": values::name(random), "items": [{"key": "a", "path": "a"}]}}),
            json!({"name": "secret", "secret": {"secretName": values::name(random)}}),
            json!({"name": "data", "persistentVolumeClaim": {"claimName": values::name(random)}}),
            json!({"name": "tmp", "emptyDir": {}}),
            json!({"name": "all", "projected": {"sources": [{"configMap": {"name": values::name(random)}}, {"secret": {"name": values::name(random)}}]}}),
        ];
        let first = random.below(volumes.len());
        let count = 1 + random.below(3);
        spec["volumes"] = volumes.iter().cycle().skip(first).take(count).cloned().collect();
    }
    if random.once_in(5) {
        spec["tolerations"] = json!([{"key": "a", "operator": "Exists"}, {"key": "b", "value": "c"}]);
        spec["nodeSelector"] = json!({"disk": "ssd"});
    }
    if random.once_in(5) {
        let term = json!({"labelSelector": {"matchLabels": values::labels(random, 1)}, "topologyKey": "kubernetes.io/hostname"});
        spec["affinity"] = json!({"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight": 1, "podAffinityTerm": term.clone()}], "requiredDuringSchedulingIgnoredDuringExecution": [term]}});
    }
    if random.once_in(6) {
        spec["topologySpreadConstraints"] = json!([{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": values::labels(random, 1)}}]);
    }
    spec
}

fn container(random: &mut Random, name: &str) -> Value {
    let mut all = json!({"name": name, "image": random.pick(&values::IMAGES)});
    if random.once_in(2) {
        all["env"] = json!([
            {"name": "A", "value": values::quoted(random)},
            {"name": "B", "valueFrom": {"configMapKeyRef": {"name": values::name(random), "key": "k"}}},
            {"name": "C", "valueFrom": {"secretKeyRef": {"name": values::name(random), "key": "k", "optional": true}}},
        ]);
    }
    if random.once_in(3) {
        all["envFrom"] = json!([{"configMapRef": {"name": values::name(random)}}, {"secretRef": {"name": values::name(random)}}]);
    }
    if random.once_in(2) {
        all["ports"] = json!([{"name": "http", "containerPort": 8080}, {"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53, "protocol": "TCP"}]);
    }
    if random.once_in(3) {
        all["args"] = json!([
            "--name=$(NAME)",
            values::quoted(random),
            "--host",
            "$(APP_HOST):$(PORT)"
        ]);
    }
    if random.once_in(4) {
        all["command"] = json!(["/bin/sh", "-c", values::text(random)]);
    }
    if random.once_in(3) {
        all["volumeMounts"] = json!([{"name": "config", "mountPath": "/etc/app"}, {"name": "tmp", "mountPath": "/tmp", "readOnly": true}]);
    }
    if random.once_in(3) {
        all["resources"] =
            json!({"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": 1, "memory": "1Gi"}});
    }
    if random.once_in(5) {
        all["livenessProbe"] = json!({"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 5});
        all["securityContext"] = json!({"runAsNonRoot": true, "capabilities": {"drop": ["ALL"]}});
    }
    all
}

fn service(random: &mut Random) -> Value {
    let mut spec = json!({"ports": [{"name": "http", "port": 80, "targetPort": "http"}, {"name": "dns", "port": 53, "protocol": "UDP"}]});
    if !random.once_in(4) {
        spec["selector"] = values::labels(random, 2).into();
    }
    if random.once_in(4) {
        spec["type"] = random.pick(&["LoadBalancer", "ExternalName", "NodePort"]).into();
        spec["externalName"] = values::quoted(random);
    }
    json!({"spec": spec})
}

fn ingress(random: &mut Random) -> (&'static str, Value) {
    let hosts = json!(["a.example.com"]);
    let tls = json!([{"hosts": hosts, "secretName": values::name(random)}]);
    if random.once_in(4) {
        let path = json!({"path": "/", "backend": {"serviceName": values::name(random), "servicePort": 80}});
        return (
            "extensions/v1beta1",
            json!({"spec": {"tls": tls, "rules": [{"host": "a.example.com", "http": {"paths": [path]}}]}}),
        );
    }
    let backend = |name: &str| json!({"service": {"name": name, "port": {"number": 80}}});
    let path = json!({"path": "/", "pathType": "Prefix", "backend": backend(values::name(random))});
    let mut spec = json!({"tls": tls, "rules": [{"host": "a.example.com", "http": {"paths": [path]}}]});
    if random.once_in(4) {
        spec["defaultBackend"] = backend(values::name(random));
        spec["ingressClassName"] = values::name(random).into();
    }
    ("networking.k8s.io/v1", json!({ "spec": spec }))
}

fn config_map(random: &mut Random) -> Value {
    let mut data = Map::new();
    for key in ["k", "app.properties", "config.yaml", "HOST"] {
        if random.once_in(2) {
            let value = if random.once_in(3) {
                values::scalar(random)
            } else {
                values::text(random)
            };
            data.insert(key.to_owned(), value);
        }
    }
    let mut all = json!({});
    if !random.once_in(8) {
        all["data"] = data.into();
    }
    if random.once_in(10) {
        all["binaryData"] = json!({"b": "AAEC/w=="});
        all["immutable"] = json!(true);
    }
    all
}

fn secret(random: &mut Random) -> Value {
    let mut all = json!({"type": random.pick(&["Opaque", "kubernetes.io/tls"])});
    if random.once_in(2) {
        all["data"] = json!({"k": "dmFsdWU=", "long": "bG9uZ2xvbmdsb25nbG9uZ2xvbmdsb25nbG9uZ2xvbmdsb25nbG9uZ2xvbmdsb25nbG9uZ2xvbmdsb25nbG9uZ2xvbmc="});
    }
    if random.once_in(2) {
        all["stringData"] = json!({"p": values::text(random)});
    }
    all
}

fn binding(random: &mut Random, kind: &str) -> (&'static str, Value) {
    let cluster = kind == "ClusterRoleBinding" || random.once_in(3);
    let role = if cluster { "ClusterRole" } else { "Role" };
    let mut subject =
        json!({"kind": "ServiceAccount", "name": random.pick(&["default", "app", "web", "db", "api"])});
    if !random.once_in(3) {
        subject["namespace"] = random.pick(&NAMESPACES).into();
    }
    let subjects = json!([subject, {"kind": "Group", "name": values::name(random), "apiGroup": "rbac.authorization.k8s.io"}]);
    let reference =
        json!({"apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": values::name(random)});
    (
        "rbac.authorization.k8s.io/v1",
        json!({"roleRef": reference, "subjects": subjects}),
    )
}

fn network_policy(random: &mut Random) -> Value {
    let from = json!([{"podSelector": {"matchLabels": values::labels(random, 1)}, "namespaceSelector": {"matchLabels": {"name": "prod"}}}]);
    let selector = json!({"matchLabels": values::labels(random, 1), "matchExpressions": [{"key": "a", "operator": "Exists"}]});
    json!({"spec": {"podSelector": selector, "policyTypes": ["Ingress"], "ingress": [{"from": from.clone()}], "egress": [{"to": from}]}})
}

fn definition(random: &mut Random, name: &str) -> Value {
    let schema = json!({"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "image": {"type": "string", "default": "nginx"}, "containers": {"type": "array", "items": {"type": "object", "properties": {"image": {"type": "string"}}}}}}}}});
    let service =
        json!({"name": values::name(random), "namespace": random.pick(&NAMESPACES), "path": "/convert"});
    let conversion = json!({"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"], "clientConfig": {"service": service}}});
    json!({"spec": {"group": "acme.io", "scope": random.pick(&["Namespaced", "Cluster"]), "names": {"kind": "App", "plural": format!("{name}s")},
        "versions": [{"name": "v1", "served": true, "storage": true, "schema": schema}], "conversion": conversion}})
}
