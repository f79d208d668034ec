//! What stands between a revision and the objects it would delete: limits, protected kinds, sources that are empty or came
//! through in part. Consent names one plan and nothing else.

use anyhow::{Context as _, ensure};
use e2e::{Ended, Outcome, Repository, Scenario};
use serde_json::Value;

/// Everything but deleting.
const NO_DELETE: &str = "- apiGroups: [\"\"]
  resources: [configmaps, secrets]
  verbs: [get, list, watch, create, update, patch]
";

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    limits(scenario)?;
    empty_source(scenario)?;
    unreadable_source(scenario)?;
    cut_stream(scenario)?;
    protected(scenario)?;
    not_deleted(scenario)?;
    Ok(Outcome::Passed)
}

/// Five objects, of which two leave while one comes.
fn limits(scenario: &Scenario) -> anyhow::Result<()> {
    let (cluster, namespace) = (&scenario.cluster, scenario.namespace.as_str());
    let set = Set::create(scenario, "limits", &["a", "b", "c", "d", "e"])?;
    for name in ["limits-a", "limits-b"] {
        set.repository.remove(&format!("{name}.yaml"))?;
    }
    set.write("new")?;
    set.repository.commit("two leave")?;
    for limit in ["1", "39%", "0"] {
        let ended = set.apply(&["--max-prune", limit])?.expect_code(14)?;
        ended.expect_text(&[
            &format!("--max-prune {limit}"),
            "2 of 5 objects",
            "--consent",
            "nothing was written",
        ])?;
    }
    cluster.expect_absent(namespace, "configmap", "limits-new")?;
    let dry = set.apply(&["--max-prune", "1", "--dry-run"])?.expect_success()?;
    ensure!(dry.counts()? == [1, 0, 3, 0, 2], "{}", dry.text());
    let consent = needs_consent(&dry)?;
    let reasons = dry.json()?["objects"].to_string();
    ensure!(reasons.contains("held back"), "{reasons}");

    // Consent to another plan is none.
    set.apply(&["--max-prune", "1", "--consent", "0123456789abcdef"])?
        .expect_code(14)?
        .expect_text(&["is for another plan"])?;
    set.repository.remove("limits-c.yaml")?;
    set.repository.commit("three leave")?;
    set.apply(&["--max-prune", "1", "--consent", &consent])?
        .expect_code(14)?
        .expect_text(&["3 of 5 objects", "is for another plan"])?;
    for name in ["limits-a", "limits-b", "limits-c"] {
        cluster.expect(namespace, "configmap", name)?;
    }
    let consent = needs_consent(&set.apply(&["--max-prune", "2", "--dry-run"])?)?;
    let ended = set
        .apply(&["--max-prune", "2", "--consent", &consent])?
        .expect_success()?;
    ensure!(ended.counts()? == [1, 0, 2, 3, 0], "{}", ended.text());
    // Within the limit nobody is asked.
    set.repository.remove("limits-d.yaml")?;
    set.repository.commit("one leaves")?;
    let ended = set.apply(&["--max-prune", "34%"])?.expect_success()?;
    ensure!(ended.counts()? == [0, 0, 2, 1, 0], "{}", ended.text());
    Ok(())
}

fn empty_source(scenario: &Scenario) -> anyhow::Result<()> {
    let (cluster, namespace) = (&scenario.cluster, scenario.namespace.as_str());
    let set = Set::create(scenario, "emptied", &["a", "b"])?;
    set.repository.write("nothing/kustomization.yaml", "{}\n")?;
    set.repository.commit("a directory without objects")?;
    let ended = set.apply(&["--path", "nothing"])?.expect_code(14)?;
    ended.expect_text(&[
        "no object to apply",
        "all 2 objects",
        "--consent",
        "lists nothing",
    ])?;
    for name in ["emptied-a", "emptied-b"] {
        cluster.expect(namespace, "configmap", name)?;
    }
    let consent = needs_consent(&set.apply(&["--path", "nothing", "--dry-run"])?)?;
    let ended = set
        .apply(&["--path", "nothing", "--consent", &consent])?
        .expect_success()?;
    ensure!(ended.counts()? == [0, 0, 0, 2, 0], "{}", ended.text());
    Ok(())
}

/// A document that cannot be read is an error long before anyone could consent to anything.
fn unreadable_source(scenario: &Scenario) -> anyhow::Result<()> {
    let (cluster, namespace) = (&scenario.cluster, scenario.namespace.as_str());
    let set = Set::create(scenario, "unread", &["a", "b", "c"])?;
    set.repository.remove("unread-c.yaml")?;
    set.repository.commit("one leaves")?;
    let consent = needs_consent(&set.apply(&["--max-prune", "0", "--dry-run"])?)?;
    for broken in [
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: [\n",
        "apiVersion: v1\nmetadata:\n  name: no-kind\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n",
    ] {
        set.repository.write("unread-b.yaml", broken)?;
        set.repository.commit("a broken document")?;
        set.apply(&["--consent", &consent])?
            .expect_code(11)?
            .expect_text(&["unread-b.yaml"])?;
        for name in ["unread-b", "unread-c"] {
            cluster.expect(namespace, "configmap", name)?;
        }
    }
    Ok(())
}

/// A stage that was killed in the middle of its output.
fn cut_stream(scenario: &Scenario) -> anyhow::Result<()> {
    let (cluster, namespace) = (&scenario.cluster, scenario.namespace.as_str());
    let set = Set::create(scenario, "cut", &["a", "b", "c"])?;
    let afterbay = scenario.afterbay();
    let objects: String = ["a", "b", "c"]
        .map(|name| format!("---\n{}", set.config_map(name)))
        .concat();
    let whole = afterbay
        .run_with_input(["normalize"], objects.as_bytes())?
        .expect_success()?;
    let whole = whole.output.stdout;
    let first = whole.split("---\n").next().context("no object")?.to_owned();
    let apply = |text: &str, more: &[&str]| {
        let arguments = [
            "apply",
            "-f",
            "-",
            "--namespace",
            namespace,
            "--inventory",
            "cut",
            "--prune",
            "--output",
            "json",
        ];
        afterbay.run_with_input([&arguments[..], more].concat(), text.as_bytes())
    };
    let ended = apply(&first, &[])?.expect_code(14)?;
    ended.expect_text(&[
        "announces 3 objects and has 1",
        "would delete 2 objects",
        "--consent",
    ])?;
    for name in ["cut-a", "cut-b", "cut-c"] {
        cluster.expect(namespace, "configmap", name)?;
    }
    let ended = apply(&whole, &[])?.expect_success()?;
    ensure!(ended.counts()? == [0, 0, 3, 0, 0], "{}", ended.text());
    let consent = needs_consent(&apply(&first, &["--dry-run"])?)?;
    let ended = apply(&first, &["--consent", &consent])?.expect_success()?;
    ensure!(ended.counts()? == [0, 0, 1, 2, 0], "{}", ended.text());
    Ok(())
}

fn protected(scenario: &Scenario) -> anyhow::Result<()> {
    let (cluster, namespace) = (&scenario.cluster, scenario.namespace.as_str());
    let other = format!("{namespace}-team");
    let set = Set::create(scenario, "protected", &["stays", "goes"])?;
    set.repository.write(
        "volume.yaml",
        "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: volume\nspec:\n  accessModes: [ReadWriteOnce]\n  \
         resources: {requests: {storage: 1Gi}}\n",
    )?;
    set.repository.write(
        "team.yaml",
        format!("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {other}\n"),
    )?;
    set.repository.write(
        "own.yaml",
        set.config_map("own").replace(
            "metadata:\n",
            "metadata:\n  labels:\n    app.kubernetes.io/part-of: afterbay\n",
        ),
    )?;
    set.repository.commit("protected ones")?;
    set.apply(&[])?.expect_success()?;
    for file in ["volume.yaml", "team.yaml", "own.yaml", "protected-goes.yaml"] {
        set.repository.remove(file)?;
    }
    set.repository.commit("they leave")?;
    // They do not count against a limit either.
    for pruned in [1, 0] {
        let ended = set.apply(&["--max-prune", "1"])?.expect_success()?;
        ensure!(ended.counts()? == [0, 0, 1, pruned, 3], "{}", ended.text());
        ended.expect_text(&["protected kind", "a part of afterbay itself"])?;
    }
    cluster.expect(namespace, "pvc", "volume")?;
    cluster.expect("default", "namespace", &other)?;

    let ended = set.apply(&["--protect", "Namespace"])?.expect_success()?;
    ensure!(ended.counts()? == [0, 0, 1, 1, 2], "{}", ended.text());
    let ended = set.apply(&["--protect", "none"])?.expect_success()?;
    ensure!(ended.counts()? == [0, 0, 1, 1, 1], "{}", ended.text());
    cluster.expect(namespace, "configmap", "protected-own")?;
    // Nor does `delete` take away what afterbay itself is made of.
    let arguments = ["delete", "--inventory", "protected", "--namespace", namespace];
    scenario
        .afterbay()
        .run(arguments)?
        .expect_success()?
        .expect_text(&["a part of afterbay itself"])?;
    cluster.expect(namespace, "configmap", "protected-own").map(drop)
}

/// What could not be deleted stays recorded, and goes when it can.
fn not_deleted(scenario: &Scenario) -> anyhow::Result<()> {
    let (cluster, namespace) = (&scenario.cluster, scenario.namespace.as_str());
    let limited = cluster.limited_user(namespace, NO_DELETE, &scenario.folder)?;
    let set = Set::create(scenario, "denied", &["stays", "goes"])?;
    set.repository.remove("denied-goes.yaml")?;
    set.repository.commit("one leaves")?;
    for _ in 0..2 {
        let ended = scenario
            .afterbay()
            .kubeconfig(&limited)
            .apply(&set.repository.url(), &set.arguments(&[]))?
            .expect_code(15)?;
        ended.expect_text(&["denied-goes", "forbidden", "cannot delete"])?;
        let owned = scenario
            .afterbay()
            .run(["inventory", "denied", "--namespace", namespace])?
            .expect_success()?;
        owned.expect_text(&["denied-goes", "denied-stays"])?;
    }
    let ended = set.apply(&[])?.expect_success()?;
    ensure!(ended.counts()? == [0, 0, 1, 1, 0], "{}", ended.text());
    Ok(())
}

/// ConfigMaps of one repository, applied under an inventory of their own.
struct Set<'a> {
    scenario: &'a Scenario,
    name: &'static str,
    repository: Repository,
}

impl<'a> Set<'a> {
    fn create(scenario: &'a Scenario, name: &'static str, objects: &[&str]) -> anyhow::Result<Self> {
        let repository = Repository::create(&scenario.folder.join(name))?;
        let set = Self {
            scenario,
            name,
            repository,
        };
        objects.iter().try_for_each(|object| set.write(object))?;
        set.repository.commit("first")?;
        set.apply(&[])?.expect_success()?;
        Ok(set)
    }

    fn write(&self, object: &str) -> anyhow::Result<()> {
        let file = format!("{}-{object}.yaml", self.name);
        self.repository.write(&file, self.config_map(object)).map(drop)
    }

    fn config_map(&self, object: &str) -> String {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {}-{object}\ndata:\n  key: value\n",
            self.name
        )
    }

    fn arguments<'b>(&self, more: &[&'b str]) -> Vec<&'b str>
    where
        'static: 'b,
    {
        [
            &["--inventory", self.name, "--prune", "--output", "json"][..],
            more,
        ]
        .concat()
    }

    fn apply(&self, more: &[&str]) -> anyhow::Result<Ended> {
        let afterbay = self.scenario.afterbay();
        afterbay.apply(&self.repository.url(), &self.arguments(more))
    }
}

fn needs_consent(dry: &Ended) -> anyhow::Result<String> {
    let report: Value = dry.json()?;
    let plan = report["needsConsent"].as_str();
    plan.map(str::to_owned)
        .with_context(|| format!("no plan to consent to: {}", dry.text()))
}
