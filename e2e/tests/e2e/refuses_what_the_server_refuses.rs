//! What the API server refuses before the first write: every reason at once, and nothing is written or pruned.

use anyhow::ensure;
use e2e::{Guarded, Outcome, Refusal, Repository, Scenario};

/// Everything but Services.
const RULES: &str = "- apiGroups: [\"\"]
  resources: [configmaps, secrets]
  verbs: [get, list, watch, create, update, patch, delete]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [get, list, watch, create, update, patch, delete]
";

/// Everything but writing ConfigMaps, in which an inventory is kept.
const NO_INVENTORY: &str = "- apiGroups: [\"\"]
  resources: [secrets]
  verbs: [get, list, watch, create, update, patch, delete]
- apiGroups: [\"\"]
  resources: [configmaps]
  verbs: [get, list, watch]
";

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let (cluster, namespace) = (&scenario.cluster, scenario.namespace.as_str());
    let key = scenario.age_key("alice")?;
    let keys = ["--age-key-file", &key.path()];
    // Live objects with fields that cannot change.
    cluster.apply(&format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: frozen, namespace: {namespace}}}\nimmutable: true\n\
         data: {{key: before}}\n---\napiVersion: v1\nkind: Secret\nmetadata: {{name: typed, namespace: {namespace}}}\n\
         type: kubernetes.io/basic-auth\nstringData: {{username: someone, password: anything}}\n"
    ))?;
    let limited = cluster.limited_user(namespace, RULES, &scenario.folder)?;
    let guarded = Guarded::new(scenario)?;

    let repository = guarded.repository("refused")?;
    let typed = guarded
        .secret("typed")
        .replace("stringData:", "type: Opaque\nstringData:");
    repository
        .write("fine.yaml", scenario.sops().encrypt(&guarded.secret("fine"), &key)?)?
        .write("typed.yaml", scenario.sops().encrypt(&typed, &key)?)?
        .write(
            "frozen.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: frozen\nimmutable: true\ndata:\n  key: after\n",
        )?
        .write(
            "elsewhere.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: elsewhere\n  namespace: no-such-namespace-here\n",
        )?
        .write(
            "unknown.yaml",
            "apiVersion: example.com/v1\nkind: Gadget\nmetadata:\n  name: gadget\n",
        )?;
    let all = [
        "typed.yaml:",
        "frozen.yaml:",
        "elsewhere.yaml:",
        "\"no-such-namespace-here\" does not exist",
        "create the namespace",
        "unknown.yaml:",
        "no kind Gadget in example.com/v1",
        "install the CRD",
        "immutable",
        "delete the object",
        "nothing was pruned",
    ];
    let afterbay = scenario.afterbay();
    let refused = guarded.refuses(&afterbay, &repository, &keys, Refusal::new(14, &all))?;
    ensure!(refused.output.stderr.contains("4 errors"), "{}", refused.text());
    let forced = [&keys[..], &["--force-conflicts"]].concat();
    guarded.refuses(
        &afterbay,
        &repository,
        &forced,
        Refusal::new(
            14,
            &["typed.yaml:", "frozen.yaml:", "immutable", "delete the object"],
        ),
    )?;

    // RBAC lets this user write everything but a Service.
    let repository = guarded.repository("forbidden")?;
    repository
        .write(
            "fine.yaml",
            scenario.sops().encrypt(&guarded.secret("fine"), &key)?,
        )?
        .write(
            "service.yaml",
            "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  ports: [{port: 80}]\n",
        )?;
    let says = ["service.yaml:", "forbidden", "services", "grant the permission"];
    guarded.refuses(
        &afterbay.clone().kubeconfig(&limited),
        &repository,
        &keys,
        Refusal::new(14, &says),
    )?;

    // The same revision by someone who may.
    guarded.accepts(&afterbay, &repository, &keys)?;
    cluster.expect(namespace, "service", "web")?;
    the_inventory_itself(scenario)?;
    Ok(Outcome::Passed)
}

/// The first write is that of the inventory. Refused, nothing was written, and the run says so.
fn the_inventory_itself(scenario: &Scenario) -> anyhow::Result<()> {
    let (cluster, namespace) = (&scenario.cluster, scenario.namespace.as_str());
    let limited = cluster.limited_user(namespace, NO_INVENTORY, &scenario.folder)?;
    let repository = Repository::create(&scenario.folder.join("inventory"))?;
    repository.write(
        "secret.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: unwritten\nstringData:\n  key: value\n",
    )?;
    repository.commit("first")?;
    let ended = scenario
        .afterbay()
        .kubeconfig(&limited)
        .apply(&repository.url(), &["--inventory", "denied", "--output", "json"])?
        .expect_code(14)?;
    ensure!(ended.output.stdout.is_empty(), "{}", ended.text());
    ended.expect_text(&["denied", "cannot create resource", "hint:", "nothing was written"])?;
    cluster.expect_absent(namespace, "secret", "unwritten")?;
    cluster.expect_absent(namespace, "configmap", "denied")
}
