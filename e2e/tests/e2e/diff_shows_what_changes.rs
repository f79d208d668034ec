//! A diff shows what an apply then changes, in every form, against the server's dry-run.

use anyhow::ensure;
use e2e::{Ended, Outcome, Scenario};

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let (cluster, namespace) = (&scenario.cluster, scenario.namespace.as_str());
    let repository = scenario.repository()?;
    repository
        .write("settings.yaml", settings("fast", 3))?
        .write("web.yaml", deployment("web:1", 1))?
        .write("secret.yaml", secret("hunter2", "same"))?;
    repository.commit("first")?;
    let url = repository.url();
    let diff = |more: &[&str]| -> anyhow::Result<Ended> {
        let common = ["diff", "--url", &url, "--ref", "main", "--namespace", namespace];
        scenario
            .afterbay()
            .run([&common[..], &["--inventory", "set", "--prune"], more].concat())
    };
    // Before the first apply all of it is new, and what the server would fill in is shown.
    diff(&[])?
        .expect_code(1)?
        .expect_text(&["+ create Deployment/", "terminationGracePeriodSeconds: 30"])?;
    scenario
        .afterbay()
        .apply(&url, &["--inventory", "set"])?
        .expect_success()?;
    diff(&[])?
        .expect_success()?
        .expect_text(&["nothing to do: 3 unchanged"])?;

    repository
        .write("settings.yaml", settings("slow", 5))?
        .write("web.yaml", deployment("web:2", 2))?
        .write("secret.yaml", secret("correct horse", "same"))?
        .write(
            "copy.yaml",
            secret("correct horse", "other").replace("database", "copy"),
        )?;
    repository.commit("second")?;
    let text = diff(&[])?.expect_code(1)?.expect_text(&[
        "spec.replicas: 1 → 2",
        "spec.template.spec.containers[name=web].image: web:1 → web:2",
        "data.mode: fast → slow",
        "-   line 3",
        "+   line three",
        "data.password: changed (7 → 13 bytes, fingerprint ",
    ])?;
    let text = text.output.stdout;
    ensure!(!text.contains("data.kept") && !text.contains('\u{1b}'), "{text}");
    // Equal values have equal fingerprints, in whatever objects they are.
    let after = |text: &str, mark: &str| {
        text.split_once(mark)
            .map(|(_, rest)| rest.chars().take(4).collect::<String>())
    };
    let changed = text.split_once("data.password: changed").and_then(|(_, rest)| {
        after(rest, " → ").and(after(
            rest.split_once("fingerprint").map_or("", |(_, rest)| rest),
            "→ ",
        ))
    });
    let added = text
        .split_once("+ create Secret/")
        .and_then(|(_, rest)| after(rest, "password: (13 bytes, fingerprint "));
    ensure!(
        changed.is_some() && changed == added,
        "{changed:?} {added:?}\n{text}"
    );

    // Another run has another key, unless it is given one.
    ensure!(diff(&[])?.output.stdout != text);
    let key = scenario
        .write_private("key", "sixteen bytes or more")?
        .display()
        .to_string();
    let keyed = ["--fingerprint-key-file", &key];
    ensure!(diff(&keyed)?.output.stdout == diff(&keyed)?.output.stdout);
    let weak = scenario.write_private("weak", "hunter2")?.display().to_string();
    diff(&["--fingerprint-key-file", &weak])?
        .expect_code(2)?
        .expect_text(&["at least 16 bytes"])?;

    forms(&diff)?;
    marks(scenario, &diff)?;

    // What was shown is done.
    scenario
        .afterbay()
        .apply(&url, &["--inventory", "set"])?
        .expect_success()?;
    let live = cluster.expect(namespace, "deployment", "web")?;
    ensure!(live["spec"]["replicas"] == 2, "{live:#}");
    diff(&[])?.expect_success()?;
    // Somebody else's change is seen, and what is the server's own is not.
    cluster
        .kubectl(&[
            "scale",
            "deployment/web",
            "--replicas=7",
            "--namespace",
            namespace,
        ])?
        .success()?;
    diff(&[])?
        .expect_code(2)?
        .expect_text(&["spec.replicas", "is owned by"])?;
    diff(&["--force-conflicts"])?
        .expect_code(1)?
        .expect_text(&["spec.replicas: 7 → 2"])?;
    Ok(Outcome::Passed)
}

type Diff<'a> = dyn Fn(&[&str]) -> anyhow::Result<Ended> + 'a;

fn forms(diff: &Diff<'_>) -> anyhow::Result<()> {
    let colored = diff(&["--color", "always"])?.expect_code(1)?;
    ensure!(colored.output.stdout.contains("\u{1b}[32m"), "{}", colored.text());
    let json = diff(&["--output", "json"])?.expect_code(1)?.json()?;
    let objects = json["objects"].as_array().cloned().unwrap_or_default();
    let of = |name: &str| {
        objects
            .iter()
            .find(|object| object["name"] == name)
            .cloned()
            .unwrap_or_default()
    };
    let password = &of("database")["changes"][0];
    ensure!(
        password["path"] == "data.password" && password["before"]["$masked"]["bytes"] == 7,
        "{json:#}"
    );
    ensure!(of("settings")["action"] == "change", "{json:#}");
    diff(&["--output", "markdown"])?.expect_code(1)?.expect_text(&[
        "### afterbay diff: 1 to create, 3 to change",
        "```diff",
        "! spec.replicas: 1 → 2",
    ])?;
    let page = diff(&["--output", "html"])?.expect_code(1)?.output.stdout;
    ensure!(
        page.starts_with("<!doctype html>") && page.ends_with("</html>\n"),
        "{page}"
    );
    ensure!(page.contains("<del>web:1</del> → <ins>web:2</ins>"), "{page}");
    ensure!(!page.contains("http://") && !page.contains("https://"), "{page}");
    Ok(())
}

/// The operator and the object itself hide values that nobody sealed.
fn marks(scenario: &Scenario, diff: &Diff<'_>) -> anyhow::Result<()> {
    let marked = diff(&["--mask", "ConfigMap:data.mode"])?.expect_code(1)?;
    let text = marked
        .expect_text(&["data.mode: changed (4 → 4 bytes, fingerprint "])?
        .output
        .stdout;
    ensure!(!text.contains("fast") && !text.contains("slow"), "{text}");
    let namespace = scenario.namespace.as_str();
    let annotate = [
        "annotate",
        "configmap/settings",
        "afterbay.dev/mask=data.mode",
        "--namespace",
        namespace,
    ];
    scenario.cluster.kubectl(&annotate)?.success()?;
    diff(&[])?
        .expect_code(1)?
        .expect_text(&["data.mode: changed (4 → 4 bytes, fingerprint "])?;
    // From a pipe nobody knows what was opened, so no value is shown at all.
    let piped = scenario
        .write("piped.yaml", settings("secretly", 5))?
        .display()
        .to_string();
    let run = scenario.afterbay().run([
        "diff",
        "--filename",
        &piped,
        "--namespace",
        namespace,
        "--force-conflicts",
    ])?;
    let text = run.expect_code(1)?.text();
    ensure!(
        !text.contains("secretly") && text.contains("data.mode: changed (4 → 8 bytes"),
        "{text}"
    );
    Ok(())
}

fn settings(mode: &str, count: u32) -> String {
    let lines: String = (1..=9)
        .map(|line| {
            if line == 3 && count > 3 {
                "    line three\n".to_owned()
            } else {
                format!("    line {line}\n")
            }
        })
        .collect();
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings}}\ndata:\n  mode: {mode}\n  app.conf: |\n{lines}"
    )
}

fn deployment(image: &str, replicas: u32) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  replicas: {replicas}\n  paused: true\n  \
         selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    spec:\n      \
         containers: [{{name: web, image: '{image}'}}]\n"
    )
}

fn secret(password: &str, kept: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: database}}\nstringData:\n  password: {password}\n  kept: {kept}\n"
    )
}
