//! Fields that cannot change after creation: named as such by what the real server says, recreated only when asked to and
//! when the new object would be created, and never because a change is merely invalid.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use e2e::{Ended, Outcome, Repository, Scenario};

const CONTROL: &str = "kustomize.toolkit.fluxcd.io/force: enabled";

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    every_kind(scenario)?;
    what_is_merely_invalid(scenario)?;
    what_a_policy_would_not_create(scenario)?;
    one_object_asks(scenario)?;
    volumes(scenario)?;
    what_finalizers_hold(scenario)?;
    Ok(Outcome::Passed)
}

/// One object before and after a change that its server refuses.
struct Change {
    kind: &'static str,
    name: String,
    /// The manifest, with NAME and FIELD in it.
    text: String,
    values: [&'static str; 2],
}

impl Change {
    fn new(kind: &'static str, name: &str, text: String, before: &'static str, after: &'static str) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            text,
            values: [before, after],
        }
    }

    fn manifest(&self, value: &str) -> String {
        self.text.replace("NAME", &self.name).replace("FIELD", value)
    }
}

const POD: &str =
    "{restartPolicy: Never, containers: [{name: c, image: example.com/none, command: [FIELD]}]}";

fn head(api: &str, kind: &str) -> String {
    format!("apiVersion: {api}\nkind: {kind}\nmetadata:\n  name: NAME\n")
}

/// The kinds whose refusals read differently (Kubernetes 1.34).
fn changes(namespace: &str) -> Vec<Change> {
    let mut changes = namespaced();
    changes.extend(classes(namespace));
    changes
}

fn namespaced() -> Vec<Change> {
    vec![
        Change::new(
            "secret",
            "typed",
            head("v1", "Secret") + "type: FIELD\nstringData: {username: u, password: p}\n",
            "Opaque",
            "kubernetes.io/basic-auth",
        ),
        Change::new(
            "configmap",
            "frozen",
            head("v1", "ConfigMap") + "immutable: true\ndata: {key: FIELD}\n",
            "before",
            "after",
        ),
        Change::new(
            "service",
            "web",
            head("v1", "Service") + "spec: {ports: [{port: 80}], FIELD}\n",
            "type: ClusterIP",
            "clusterIP: None",
        ),
        Change::new(
            "deployment",
            "web",
            head("apps/v1", "Deployment")
                + "spec:\n  replicas: 0\n  selector: {matchLabels: {app: FIELD}}\n  template:\n    metadata: {labels: {app: FIELD}}\n    \
                   spec: {containers: [{name: c, image: example.com/none}]}\n",
            "before",
            "after",
        ),
        Change::new(
            "statefulset",
            "db",
            head("apps/v1", "StatefulSet")
                + "spec:\n  replicas: 0\n  serviceName: FIELD\n  selector: {matchLabels: {app: s}}\n  template:\n    metadata: {labels: {app: s}}\n    \
                   spec: {containers: [{name: c, image: example.com/none}]}\n",
            "before",
            "after",
        ),
        Change::new(
            "job",
            "migrate",
            head("batch/v1", "Job") + "spec:\n  template:\n    spec: " + POD + "\n",
            "before",
            "after",
        ),
        Change::new(
            "pod",
            "bare",
            head("v1", "Pod") + "spec: " + POD + "\n",
            "before",
            "after",
        ),
        Change::new(
            "rolebinding",
            "readers",
            head("rbac.authorization.k8s.io/v1", "RoleBinding")
                + "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: FIELD}\nsubjects: []\n",
            "view",
            "edit",
        ),
        Change::new(
            "endpointslice",
            "slice",
            head("discovery.k8s.io/v1", "EndpointSlice") + "FIELD\nendpoints: []\nports: []\n",
            "addressType: IPv4",
            "addressType: IPv6",
        ),
        Change::new(
            "recreateds.recreate.example.com",
            "rule",
            head("recreate.example.com/v1", "Recreated") + "spec: {once: FIELD}\n",
            "before",
            "after",
        ),
    ]
}

/// Kinds without a namespace, under names that no other scenario has.
fn classes(namespace: &str) -> Vec<Change> {
    let own = |name: &str| format!("{namespace}-{name}");
    vec![
        Change::new(
            "storageclass",
            &own("disks"),
            head("storage.k8s.io/v1", "StorageClass") + "provisioner: example.com/FIELD\n",
            "before",
            "after",
        ),
        Change::new(
            "storageclass",
            &own("parameters"),
            head("storage.k8s.io/v1", "StorageClass")
                + "provisioner: example.com/a\nparameters: {tier: FIELD}\n",
            "before",
            "after",
        ),
        Change::new(
            "storageclass",
            &own("reclaim"),
            head("storage.k8s.io/v1", "StorageClass") + "provisioner: example.com/a\nreclaimPolicy: FIELD\n",
            "Delete",
            "Retain",
        ),
        Change::new(
            "priorityclass",
            &own("priority"),
            head("scheduling.k8s.io/v1", "PriorityClass") + "value: FIELD\n",
            "10",
            "20",
        ),
        Change::new(
            "ingressclass",
            &own("ingress"),
            head("networking.k8s.io/v1", "IngressClass") + "spec: {controller: example.com/FIELD}\n",
            "before",
            "after",
        ),
    ]
}

const DEFINITION: &str = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: recreateds.recreate.example.com
spec:
  group: recreate.example.com
  scope: Namespaced
  names: {kind: Recreated, plural: recreateds, singular: recreated, listKind: RecreatedList}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              once:
                type: string
                x-kubernetes-validations: [{rule: self == oldSelf, message: Value is immutable}]
";

fn every_kind(scenario: &Scenario) -> anyhow::Result<()> {
    let namespace = scenario.namespace.as_str();
    let changes = changes(namespace);
    let count = changes.len() as u64;
    scenario.cluster.apply(DEFINITION)?;
    scenario
        .cluster
        .kubectl(&[
            "wait",
            "--for=condition=Established",
            "crd/recreateds.recreate.example.com",
            "--timeout=30s",
        ])?
        .success()?;
    let repository = Repository::create(&scenario.folder.join("kinds"))?;
    let write = |value: usize| -> anyhow::Result<()> {
        for change in &changes {
            let file = format!("{}-{}.yaml", change.kind, change.name);
            repository.write(&file, change.manifest(change.values[value]))?;
        }
        repository.commit("all kinds").map(drop)
    };
    write(0)?;
    let arguments = ["--inventory", "kinds", "--prune"];
    apply(scenario, &repository, &arguments)?.expect_success()?;
    let uids = uids(scenario, &changes)?;

    write(1)?;
    let refused = apply(scenario, &repository, &arguments)?.expect_code(14)?;
    for change in &changes {
        let file = format!("error: {}-{}.yaml:", change.kind, change.name);
        let line = refused.output.stderr.lines().find(|line| line.starts_with(&file));
        ensure!(
            line.is_some_and(|line| line.contains("cannot be changed in place")),
            "{file} is not told as what it is: {}",
            refused.text()
        );
    }
    refused.expect_text(&["--force", "nothing was written"])?;

    let force = [&arguments[..], &["--force"]].concat();
    let dry = apply(scenario, &repository, &[&force[..], &["--dry-run"]].concat())?.expect_success()?;
    ensure!(dry.json()?["counts"]["recreated"] == count, "{}", dry.text());
    ensure!(
        self::uids(scenario, &changes)? == uids,
        "a dry-run deleted something"
    );

    let ended = apply(scenario, &repository, &force)?.expect_success()?;
    ensure!(ended.json()?["counts"]["recreated"] == count, "{}", ended.text());
    for (change, (before, after)) in changes
        .iter()
        .zip(uids.iter().zip(self::uids(scenario, &changes)?))
    {
        ensure!(*before != after, "{}/{} is the old one", change.kind, change.name);
    }
    let ended = apply(scenario, &repository, &force)?.expect_success()?;
    ensure!(ended.counts()? == [0, 0, count, 0, 0], "{}", ended.text());
    Ok(())
}

/// The trap: under `force`, Flux 1.9.4 deletes the live object on any 409 or 422.
fn what_is_merely_invalid(scenario: &Scenario) -> anyhow::Result<()> {
    let service = |fields: &str| {
        format!("apiVersion: v1\nkind: Service\nmetadata:\n  name: kept\nspec: {{ports: [{{{fields}}}]}}\n")
    };
    let deployment = |selector: &str, label: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: kept\nspec:\n  replicas: 0\n  selector: {{matchLabels: {{app: {selector}}}}}\n  \
             template:\n    metadata: {{labels: {{app: {label}}}}}\n    spec: {{containers: [{{name: c, image: example.com/none}}]}}\n"
        )
    };
    let secret = |kind: &str, key: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: kept\ntype: {kind}\nstringData: {{{key}: v}}\n"
        )
    };
    for (kind, before, after, says) in [
        ("service", service("port: 80"), service("port: 99999"), "65535"),
        (
            "service",
            service("port: 80"),
            service("port: 80, nodePrt: 1"),
            "nodePrt",
        ),
        // Immutable and invalid at once, in one object.
        (
            "deployment",
            deployment("a", "a"),
            deployment("b", "c"),
            "does not match template",
        ),
        (
            "secret",
            secret("Opaque", "a"),
            secret("kubernetes.io/tls", "a"),
            "tls.crt",
        ),
    ] {
        let repository = Repository::create(&scenario.folder.join(format!("invalid-{kind}-{says}")))?;
        repository.write("object.yaml", before)?;
        repository.commit("first")?;
        apply(scenario, &repository, &[])?.expect_success()?;
        let uid = uid(scenario, kind, "kept")?;
        repository.write("object.yaml", after)?;
        repository.commit("second")?;
        let arguments = ["--force", "--force-conflicts"];
        let ended = apply(scenario, &repository, &arguments)?.expect_code(14)?;
        ended.expect_text(&[says, "nothing was written"])?;
        ensure!(self::uid(scenario, kind, "kept")? == uid, "{kind} was deleted");
    }
    Ok(())
}

/// Admission that would not let the object in again is asked before anything is deleted.
fn what_a_policy_would_not_create(scenario: &Scenario) -> anyhow::Result<()> {
    let (cluster, namespace) = (&scenario.cluster, scenario.namespace.as_str());
    let map = |value: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: denied-anew\nimmutable: true\ndata: {{key: {value}}}\n"
        )
    };
    let repository = Repository::create(&scenario.folder.join("policy"))?;
    repository.write("map.yaml", map("before"))?;
    repository.commit("first")?;
    apply(scenario, &repository, &[])?.expect_success()?;
    let uid = uid(scenario, "configmap", "denied-anew")?;
    let policy = format!("{namespace}-no-create");
    cluster.apply(&format!(
        "apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {{name: {policy}}}
spec:
  failurePolicy: Fail
  matchConstraints:
    namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {namespace}}}}}
    resourceRules: [{{apiGroups: [\"\"], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}}]
  validations: [{{expression: \"!object.metadata.name.startsWith('denied-')\", message: this set is immutable}}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {{name: {policy}}}
spec: {{policyName: {policy}, validationActions: [Deny]}}
"
    ))?;
    let probe = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: denied-probe, namespace: {namespace}}}\n"
    );
    wait_until("the policy is in force", || {
        let arguments = ["create", "--dry-run=server", "--filename", "-"];
        let ended = cluster.kubectl_with_input(&arguments, probe.as_bytes())?;
        Ok(ended.stderr.contains("this set is immutable"))
    })?;
    repository.write("map.yaml", map("after"))?;
    // The same words from a policy about a new object are no reason to delete another one.
    repository.write(
        "new.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: denied-new\n",
    )?;
    repository.commit("second")?;
    let ended = apply(scenario, &repository, &["--force"])?.expect_code(14)?;
    ended.expect_text(&[
        "map.yaml",
        "new.yaml",
        "this set is immutable",
        "nothing was written",
    ])?;
    ensure!(self::uid(scenario, "configmap", "denied-anew")? == uid);
    cluster
        .kubectl(&["delete", "validatingadmissionpolicybinding", &policy])?
        .success()
        .map(drop)
}

/// Flux's control on one object, in the revision or in the cluster, asks for that object alone.
fn one_object_asks(scenario: &Scenario) -> anyhow::Result<()> {
    let map = |name: &str, value: &str, control: bool| {
        let annotations = if control {
            format!("  annotations:\n    {CONTROL}\n")
        } else {
            String::new()
        };
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n{annotations}immutable: true\ndata: {{key: {value}}}\n"
        )
    };
    let repository = Repository::create(&scenario.folder.join("one"))?;
    let names = ["asks", "asks-live", "does-not"];
    for name in names {
        repository.write(&format!("{name}.yaml"), map(name, "before", false))?;
    }
    repository.commit("first")?;
    apply(scenario, &repository, &[])?.expect_success()?;
    let label = CONTROL.replace(": ", "=");
    let labeled = [
        "label",
        "configmap",
        "asks-live",
        &label,
        "--namespace",
        &scenario.namespace,
    ];
    scenario.cluster.kubectl(&labeled)?.success()?;
    for name in names {
        repository.write(&format!("{name}.yaml"), map(name, "after", name == "asks"))?;
    }
    repository.commit("second")?;
    let ended = apply(scenario, &repository, &[])?.expect_code(14)?;
    ensure!(
        ended.output.stderr.matches("cannot be changed").count() == 1,
        "{}",
        ended.text()
    );
    ended.expect_text(&["does-not.yaml"])?;
    repository.remove("does-not.yaml")?;
    repository.commit("third")?;
    let ended = apply(scenario, &repository, &[])?.expect_success()?;
    ensure!(ended.json()?["counts"]["recreated"] == 2, "{}", ended.text());
    Ok(())
}

/// What is in a volume would be gone: a second consent, which names the plan.
fn volumes(scenario: &Scenario) -> anyhow::Result<()> {
    let claim = |mode: &str| {
        format!(
            "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: data\nspec:\n  accessModes: [{mode}]\n  \
             resources: {{requests: {{storage: 1Gi}}}}\n"
        )
    };
    let repository = Repository::create(&scenario.folder.join("volumes"))?;
    repository.write("claim.yaml", claim("ReadWriteOnce"))?;
    repository.commit("first")?;
    apply(scenario, &repository, &[])?.expect_success()?;
    let uid = uid(scenario, "pvc", "data")?;
    repository.write("claim.yaml", claim("ReadWriteMany"))?;
    repository.commit("second")?;
    apply(scenario, &repository, &[])?
        .expect_code(14)?
        .expect_text(&["cannot be changed in place"])?;
    for more in [&[][..], &["--protect", "none"], &["--consent", "yes"]] {
        let arguments = [&["--force"], more].concat();
        let ended = apply(scenario, &repository, &arguments)?.expect_code(14)?;
        ended.expect_text(&["claim.yaml", "what it holds would be gone", "--consent"])?;
    }
    ensure!(self::uid(scenario, "pvc", "data")? == uid);
    let dry = apply(scenario, &repository, &["--force", "--dry-run"])?.expect_success()?;
    let report = dry.json()?;
    let consent = report["needsConsent"].as_str().context("no plan to consent to")?;
    let ended = apply(scenario, &repository, &["--force", "--consent", consent])?.expect_success()?;
    ensure!(ended.json()?["counts"]["recreated"] == 1, "{}", ended.text());
    ensure!(self::uid(scenario, "pvc", "data")? != uid);
    Ok(())
}

/// An object that does not go is waited for as long as the run has time, and created by the next run.
fn what_finalizers_hold(scenario: &Scenario) -> anyhow::Result<()> {
    let (cluster, namespace) = (&scenario.cluster, scenario.namespace.as_str());
    let map = |value: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: held\nimmutable: true\ndata: {{key: {value}}}\n"
        )
    };
    let repository = Repository::create(&scenario.folder.join("held"))?;
    repository.write("held.yaml", map("before"))?;
    repository.commit("first")?;
    apply(scenario, &repository, &[])?.expect_success()?;
    let patch = |finalizers: &str| {
        let patch = format!(r#"{{"metadata": {{"finalizers": {finalizers}}}}}"#);
        let arguments = [
            "patch",
            "configmap",
            "held",
            "--namespace",
            namespace,
            "--type=merge",
            "--patch",
            &patch,
        ];
        cluster.kubectl(&arguments)?.success()
    };
    patch(r#"["example.com/hold"]"#)?;
    repository.write("held.yaml", map("after"))?;
    repository.commit("second")?;
    let ended = apply(scenario, &repository, &["--force", "--timeout", "4s"])?.expect_code(15)?;
    ended.expect_text(&["held.yaml", "1 finalizers hold it"])?;
    patch("null")?;
    cluster.expect_absent(namespace, "configmap", "held")?;
    let ended = apply(scenario, &repository, &["--force"])?.expect_success()?;
    ensure!(ended.counts()? == [1, 0, 0, 0, 0], "{}", ended.text());
    Ok(())
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let end = Instant::now() + Duration::from_secs(30);
    while !is_so()? {
        ensure!(Instant::now() < end, "{what}: not within 30 s");
        sleep(Duration::from_millis(200));
    }
    Ok(())
}

fn apply(scenario: &Scenario, repository: &Repository, more: &[&str]) -> anyhow::Result<Ended> {
    let arguments = [&["--output", "json"], more].concat();
    scenario.afterbay().apply(&repository.url(), &arguments)
}

fn uids(scenario: &Scenario, changes: &[Change]) -> anyhow::Result<Vec<String>> {
    let each = changes
        .iter()
        .map(|change| uid(scenario, change.kind, &change.name));
    each.collect()
}

fn uid(scenario: &Scenario, kind: &str, name: &str) -> anyhow::Result<String> {
    let live = scenario.cluster.expect(&scenario.namespace, kind, name)?;
    let uid = live["metadata"]["uid"].as_str();
    uid.map(str::to_owned).context("no uid")
}
