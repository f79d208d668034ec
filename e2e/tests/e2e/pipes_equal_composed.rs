//! The stages joined by pipes leave the same objects in the cluster as the composed command.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;

use anyhow::ensure;
use e2e::{Afterbay, AgeKey, EyamlKey, Outcome, Repository, Scenario};
use serde_json::{Value, json};

const OBJECTS: [(&str, &str); 4] = [
    ("secret", "database"),
    ("secret", "legacy"),
    ("configmap", "settings"),
    ("service", "web"),
];

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let second = scenario.cluster.create_namespace(&scenario.name)?;
    compare(scenario, &second)
}

/// The sample: one base, built for each of the two namespaces.
fn commit(
    scenario: &Scenario,
    repository: &Repository,
    age: &AgeKey,
    eyaml: &EyamlKey,
    second: &str,
) -> anyhow::Result<String> {
    let database = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: database\n  labels: {app: shop}\n  annotations: {note: \"yes\"}\n\
                    type: example.com/database\ndata:\n  blob: AP8Q\n  user: b2xk\nstringData:\n  user: shop\n  empty: \"\"\n  \
                    password: |\n    correct\n    horse\n";
    repository.write("base/database.yaml", scenario.sops().encrypt(database, age)?)?;
    repository.write(
        "base/legacy.yaml",
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: legacy\nstringData:\n  url: http://{}@db\n  plain: \"0123\"\n",
            eyaml.token("shop:pass")?
        ),
    )?;
    repository.write(
        "base/others.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n  annotations: {at: \"2001-01-01\"}\ndata:\n  mode: \"0644\"\n  odd: \"a\\x85b\\u2029 c\\x7Fd\"\n  \
         text: |\n    a: 1\n    b: 2\n---\napiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  selector: {app: shop}\n  \
         ports: [{port: 80, targetPort: http}]\n",
    )?;
    repository.write(
        "base/kustomization.yaml",
        "resources: [database.yaml, legacy.yaml, others.yaml]\n",
    )?;
    for (folder, namespace) in [("composed", scenario.namespace.as_str()), ("piped", second)] {
        repository.write(
            &format!("{folder}/kustomization.yaml"),
            format!("namespace: {namespace}\nresources: [../base]\n"),
        )?;
    }
    // Nothing that the build does not read has to be opened.
    repository.write("unrelated/broken.yaml", "sops: {}\n")?;
    repository.commit("first")
}

/// Arguments, input and output of a stage.
type Stage<'a> = (&'a [&'a str], &'a [u8], &'a [u8]);

/// Neither the order of a map, which each process makes anew, nor the clock or the environment shows.
fn makes_the_same_bytes(afterbay: &Afterbay, stages: &[Stage<'_>]) -> anyhow::Result<()> {
    let elsewhere = afterbay
        .clone()
        .env("TZ", "Asia/Kathmandu")
        .env("LANG", "tr_TR.UTF-8");
    for (arguments, input, output) in stages {
        for _ in 0..3 {
            ensure!(
                elsewhere.bytes(arguments.iter().copied(), input)? == *output,
                "{arguments:?} made other bytes"
            );
        }
    }
    Ok(())
}

fn compare(scenario: &Scenario, second: &str) -> anyhow::Result<Outcome> {
    let age = scenario.age_key("alice")?;
    let eyaml = EyamlKey::generate(&scenario.folder.join("eyaml"))?;
    let repository = scenario.repository()?;
    let commit = commit(scenario, &repository, &age, &eyaml, second)?;
    let (age, eyaml) = (age.path(), eyaml.private_key.display().to_string());
    let afterbay = scenario.afterbay();

    let composed = afterbay
        .apply(
            &repository.url(),
            &[
                "--path",
                "composed",
                "--age-key-file",
                &age,
                "--eyaml-private-key-file",
                &eyaml,
                "--output",
                "json",
            ],
        )?
        .expect_success()?;
    ensure!(composed.counts()? == [4, 0, 0, 0, 0], "{}", composed.text());

    let fetched = afterbay.bytes(["fetch", "--url", &repository.url(), "--ref", "main"], b"")?;
    let opened = afterbay.bytes(["decrypt", "--path", "piped", "--age-key-file", &age], &fetched)?;
    let rendered = afterbay.bytes(["render", "--path", "piped"], &opened)?;
    let normalized = afterbay.bytes(["normalize", "--eyaml-private-key-file", &eyaml], &rendered)?;
    let stages: [Stage; 4] = [
        (
            &["fetch", "--url", &repository.url(), "--ref", "main"],
            b"",
            &fetched,
        ),
        (
            &["decrypt", "--path", "piped", "--age-key-file", &age],
            &fetched,
            &opened,
        ),
        (&["render", "--path", "piped"], &opened, &rendered),
        (
            &["normalize", "--eyaml-private-key-file", &eyaml],
            &rendered,
            &normalized,
        ),
    ];
    makes_the_same_bytes(&afterbay, &stages)?;
    let piped = afterbay
        .chain(
            &[
                &["fetch", "--url", &repository.url(), "--ref", "main"],
                &["decrypt", "--path", "piped", "--age-key-file", &age],
                &["render", "--path", "piped"],
                &["normalize", "--eyaml-private-key-file", &eyaml],
                &["apply", "--filename", "-", "--output", "json"],
            ],
            Stdio::null(),
        )?
        .expect_success()?;
    ensure!(piped.counts()? == [4, 0, 0, 0, 0], "{}", piped.text());
    // What is true after a pipe: which values were sealed, nobody knows.
    ensure!(piped.text().contains("lost its provenance"), "{}", piped.text());
    ensure!(piped.json()?["decrypt"]["values"] == 0, "{}", piped.text());
    ensure!(piped.json()?["decrypt"]["unknown"] == 6, "{}", piped.text());
    ensure!(
        piped.json()?["revision"] == format!("main@sha1:{commit}"),
        "the revision was not carried: {}",
        piped.text()
    );

    for (kind, name) in OBJECTS {
        let left = content(scenario, &scenario.namespace, kind, name)?;
        let right = content(scenario, second, kind, name)?;
        ensure!(left == right, "{kind}/{name} differs:\n{left}\n{right}");
    }
    // Characters that a server which reads JSON as YAML would change or refuse.
    let odd = &content(scenario, second, "configmap", "settings")?["data"]["odd"];
    ensure!(*odd == "a\u{85}b\u{2029} c\u{7f}d", "{odd:?}");
    let password = scenario.cluster.secret_value(second, "database", "password")?;
    ensure!(password == "correct\nhorse\n", "{password:?}");
    ensure!(scenario.cluster.secret_value(second, "legacy", "url")? == "http://shop:pass@db");

    packed_by_git(
        &repository,
        &afterbay,
        &scenario.folder.join("archive.tar"),
        &age,
        &eyaml,
    )?;
    Ok(Outcome::Passed)
}

/// A tree that git itself packed is read as well, and what is in the cluster stays as it is.
fn packed_by_git(
    repository: &Repository,
    afterbay: &Afterbay,
    archive: &Path,
    age: &str,
    eyaml: &str,
) -> anyhow::Result<()> {
    repository.git(&["archive", "--output", &archive.display().to_string(), "main"])?;
    let again = afterbay
        .chain(
            &[
                &["decrypt", "--path", "piped", "--age-key-file", age],
                &["render", "--path", "piped"],
                &[
                    "apply",
                    "-f",
                    "-",
                    "--eyaml-private-key-file",
                    eyaml,
                    "-o",
                    "json",
                ],
            ],
            File::open(archive)?.into(),
        )?
        .expect_success()?;
    ensure!(again.counts()? == [0, 0, 4, 0, 0], "{}", again.text());
    Ok(())
}

/// What of an object comes from its manifest.
fn content(scenario: &Scenario, namespace: &str, kind: &str, name: &str) -> anyhow::Result<Value> {
    let object = scenario.cluster.expect(namespace, kind, name)?;
    let fields: Value = object["metadata"]["managedFields"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|entry| json!([entry["manager"], entry["operation"], entry["fieldsV1"]]))
        .collect();
    Ok(json!({
        "type": object["type"],
        "data": object["data"],
        "labels": object["metadata"]["labels"],
        "annotations": object["metadata"]["annotations"],
        "ports": object["spec"]["ports"],
        "selector": object["spec"]["selector"],
        "fields": fields,
    }))
}
