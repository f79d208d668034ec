//! Stages as Flux has them: definitions, classes, kinds that are named, the rest; nothing waits longer than it has to, and never
//! longer than the run may take.

use std::time::{Duration, Instant};

use anyhow::ensure;
use e2e::{Afterbay, Outcome, Repository, Scenario};

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let result = all(scenario);
    if result.is_ok() || scenario.environment.lane == "existing" {
        for kind in ["parts", "others"] {
            let crd = format!("{kind}.{}.example.com", scenario.namespace);
            let delete = ["delete", "crd", &crd, "--ignore-not-found", "--wait=false"];
            scenario.cluster.kubectl(&delete)?;
        }
        let role = format!("{}-binder", scenario.namespace);
        for kind in ["clusterrole", "clusterrolebinding"] {
            scenario
                .cluster
                .kubectl(&["delete", kind, &role, "--ignore-not-found"])?;
        }
        let class = format!("{}-class", scenario.namespace);
        scenario
            .cluster
            .kubectl(&["delete", "priorityclass", &class, "--ignore-not-found"])?;
    }
    result
}

fn all(scenario: &Scenario) -> anyhow::Result<Outcome> {
    a_definition_and_its_object_arrive_in_one_run(scenario)?;
    names_that_are_taken_end_the_run_at_once(scenario)?;
    a_stage_of_its_own_lets_the_rest_be_judged(scenario)?;
    Ok(Outcome::Passed)
}

/// In files whose order is of no help.
fn a_definition_and_its_object_arrive_in_one_run(scenario: &Scenario) -> anyhow::Result<()> {
    let namespace = &scenario.namespace;
    let repository = Repository::create(&scenario.folder.join("definitions"))?;
    repository
        .write(
            "a-part.yaml",
            format!("apiVersion: {namespace}.example.com/v1\nkind: Part\nmetadata: {{name: a}}\nspec: {{size: 1}}\n"),
        )?
        .write("b-crd.yaml", crd(namespace, "parts", "Part"))?
        .write(
            "c-class.yaml",
            format!(
                "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {{name: {namespace}-class}}\nvalue: 7\ndescription: e2e\n"
            ),
        )?
        .write("d-map.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")?;
    repository.commit("first")?;
    let afterbay = scenario.afterbay();
    let began = Instant::now();
    let ended = afterbay.apply(
        &repository.url(),
        &["--inventory", "definitions", "--output", "json"],
    )?;
    let ended = ended.expect_success()?;
    ensure!(ended.counts()? == [4, 0, 0, 0, 0], "{}", ended.text());
    ensure!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    scenario
        .cluster
        .expect(namespace, &format!("parts.{namespace}.example.com"), "a")?;
    let again = afterbay.apply(
        &repository.url(),
        &["--inventory", "definitions", "--output", "json"],
    )?;
    ensure!(again.expect_success()?.counts()? == [0, 0, 4, 0, 0]);
    Ok(())
}

/// It will never be established, and nobody waits until the time is over.
fn names_that_are_taken_end_the_run_at_once(scenario: &Scenario) -> anyhow::Result<()> {
    let namespace = &scenario.namespace;
    let repository = Repository::create(&scenario.folder.join("taken"))?;
    repository
        .write("crd.yaml", crd(namespace, "others", "Part"))?
        .write(
            "map.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: after}\n",
        )?;
    repository.commit("first")?;
    let began = Instant::now();
    scenario
        .afterbay()
        .apply(&repository.url(), &[])?
        .expect_code(15)?
        .expect_text(&["crd.yaml:1:1", "not ready: Failed: ", "is already in use"])?;
    ensure!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    scenario.cluster.expect_absent(namespace, "configmap", "after")
}

/// Who may bind nothing that it does not have can bind a Role that is there and carries its permissions.
fn a_stage_of_its_own_lets_the_rest_be_judged(scenario: &Scenario) -> anyhow::Result<()> {
    let namespace = &scenario.namespace;
    let name = format!("{namespace}-binder");
    scenario.cluster.apply(&format!(
        "apiVersion: v1
kind: ServiceAccount
metadata: {{name: binder, namespace: {namespace}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {{name: {name}}}
rules:
- {{apiGroups: [''], resources: [configmaps, secrets, namespaces], verbs: ['*']}}
- {{apiGroups: [rbac.authorization.k8s.io], resources: [roles, rolebindings], verbs: [get, list, watch, create, update, patch, delete]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {{name: {name}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {name}}}
subjects: [{{kind: ServiceAccount, name: binder, namespace: {namespace}}}]
"
    ))?;
    let repository = Repository::create(&scenario.folder.join("roles"))?;
    repository
        .write(
            "binding.yaml",
            "apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reads}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reads}
subjects: [{kind: ServiceAccount, name: default}]
",
        )?
        .write(
            "role.yaml",
            "apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reads}
rules: [{apiGroups: [''], resources: [configmaps], verbs: [get]}]
",
        )?;
    repository.commit("first")?;
    let afterbay: Afterbay = scenario.afterbay();
    let account = format!("{namespace}/binder");
    let apply = |more: &[&str]| {
        let arguments = [&["--service-account", &account, "--output", "json"], more].concat();
        afterbay.apply(&repository.url(), &arguments)
    };
    // As in Flux: the binding cannot be judged before the Role is there.
    apply(&[])?
        .expect_code(14)?
        .expect_text(&["binding.yaml", "nothing was written"])?;
    let staged = ["--custom-apply-stage-kinds", "rbac.authorization.k8s.io/Role"];
    let ended = apply(&staged)?.expect_success()?;
    ensure!(ended.counts()? == [2, 0, 0, 0, 0], "{}", ended.text());
    ensure!(ended.json()?["counts"]["deferred"] == 1, "{}", ended.text());
    scenario.cluster.expect(namespace, "rolebinding", "reads")?;

    // What is refused for a reason of its own is refused all the same, before the last stage is written.
    repository
        .write(
            "role.yaml",
            "apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reads}
rules: [{apiGroups: [''], resources: [configmaps], verbs: [get, list]}]
",
        )?
        .write(
            "other.yaml",
            "apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: other}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: ServiceAccount, name: default}]
",
        )?
        .write("z.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: z}\n")?;
    repository.commit("second")?;
    apply(&staged)?
        .expect_code(15)?
        .expect_text(&["other.yaml", "forbidden"])?;
    scenario.cluster.expect_absent(namespace, "configmap", "z")
}

fn crd(namespace: &str, plural: &str, kind: &str) -> String {
    format!(
        "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: {plural}.{namespace}.example.com}}
spec:
  group: {namespace}.example.com
  scope: Namespaced
  names: {{kind: {kind}, plural: {plural}}}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema: {{type: object, properties: {{spec: {{type: object, properties: {{size: {{type: integer}}}}}}}}}}
"
    )
}
