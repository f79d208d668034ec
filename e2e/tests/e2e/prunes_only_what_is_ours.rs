//! Nothing is pruned on the word of a label, nothing that somebody else created anew, nothing that says it stays, and
//! nothing at all when anything failed.

use anyhow::{Context as _, ensure};
use e2e::{Outcome, Scenario};

const PART_OF: &str = "applyset.kubernetes.io/part-of";

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let (cluster, namespace) = (&scenario.cluster, scenario.namespace.as_str());
    let repository = scenario.repository()?;
    for name in ["goes", "recreated", "stays"] {
        repository.write(&format!("{name}.yaml"), config_map(name, ""))?;
    }
    repository.write(
        "disabled.yaml",
        config_map(
            "disabled",
            "  annotations:\n    kustomize.toolkit.fluxcd.io/prune: disabled\n",
        ),
    )?;
    repository.commit("first")?;
    let arguments = ["--inventory", "set", "--prune", "--output", "json"];
    let apply = || scenario.afterbay().apply(&repository.url(), &arguments);
    apply()?.expect_success()?;
    let label = cluster.expect(namespace, "configmap", "goes")?["metadata"]["labels"][PART_OF]
        .as_str()
        .context("members have no label")?
        .to_owned();

    // Somebody copies the label, and somebody creates one of the objects anew, label and all.
    cluster.apply(&foreign(namespace, "copied", &label))?;
    cluster
        .kubectl(&["delete", "configmap", "recreated", "--namespace", namespace])?
        .success()?;
    cluster.apply(&foreign(namespace, "recreated", &label))?;
    for name in ["goes", "recreated", "disabled"] {
        repository.remove(&format!("{name}.yaml"))?;
    }

    // A server that refuses one object, and a value that cannot be opened: nothing is pruned.
    let failures = [
        (
            "type: kubernetes.io/tls\nstringData:\n  tls.crt: certificate\n",
            14,
        ),
        (
            "stringData:\n  password: ENC[AES256_GCM,data:AAAA,type:str]\n",
            12,
        ),
        ("data:\n  password: no base64!\n", 13),
    ];
    for (content, code) in failures {
        repository.write(
            "bad.yaml",
            format!("apiVersion: v1\nkind: Secret\nmetadata:\n  name: bad\n{content}"),
        )?;
        repository.commit("bad")?;
        apply()?.expect_code(code)?;
        for name in ["goes", "recreated", "disabled", "stays", "copied"] {
            cluster.expect(namespace, "configmap", name)?;
        }
    }

    repository.remove("bad.yaml")?;
    repository.commit("good")?;
    let ended = apply()?.expect_success()?;
    let [created, configured, unchanged, pruned, _] = ended.counts()?;
    ensure!(
        [created, configured, unchanged, pruned] == [0, 0, 1, 1],
        "{}",
        ended.text()
    );
    cluster.expect_absent(namespace, "configmap", "goes")?;
    for name in ["recreated", "disabled", "stays", "copied"] {
        cluster.expect(namespace, "configmap", name)?;
    }
    // What is let go is said, with the reason.
    let report = ended
        .expect_text(&["uid", "kustomize.toolkit.fluxcd.io/prune"])?
        .json()?;
    for name in ["recreated", "disabled"] {
        let object = report["objects"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|object| object["name"] == name);
        ensure!(
            object.is_some_and(|object| object["action"] == "skipped" && object["reason"].is_string()),
            "{report}"
        );
    }

    // An object under its own uid and label, of which our manager owns nothing any more.
    cluster
        .kubectl(&[
            "patch",
            "configmap",
            "stays",
            "--namespace",
            namespace,
            "--type=json",
            "--patch",
            r#"[{"op": "replace", "path": "/metadata/managedFields", "value": [{}]}]"#,
        ])?
        .success()?;
    repository.remove("stays.yaml")?;
    repository.write("last.yaml", config_map("last", ""))?;
    repository.commit("last")?;
    let ended = apply()?.expect_success()?;
    ended.expect_text(&["our field manager owns nothing"])?;
    cluster.expect(namespace, "configmap", "stays").map(drop)?;
    Ok(Outcome::Passed)
}

fn config_map(name: &str, metadata: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n{metadata}data:\n  key: value\n")
}

fn foreign(namespace: &str, name: &str, label: &str) -> String {
    config_map(
        name,
        &format!("  namespace: {namespace}\n  labels:\n    {PART_OF}: {label}\n"),
    )
}
