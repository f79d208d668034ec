//! `afterbay delete` takes away what the inventory owns, and the inventory, and nothing else.

use anyhow::ensure;
use e2e::{Outcome, Scenario};

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let (cluster, namespace) = (&scenario.cluster, scenario.namespace.as_str());
    let repository = scenario.repository()?;
    repository
        .write(
            "objects.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  key: value\n---\napiVersion: v1\nkind: Secret\n\
             metadata:\n  name: database\nstringData:\n  password: value\n",
        )?
        .write(
            "web.yaml",
            "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  selector: {app: web}\n  ports: [{port: 80}]\n",
        )?;
    repository.commit("first")?;
    let afterbay = scenario.afterbay();
    afterbay
        .apply(&repository.url(), &["--inventory", "set"])?
        .expect_success()?;
    cluster.apply(&format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: bystander\n  namespace: {namespace}\ndata:\n  key: value\n"
    ))?;
    let delete = |more: &[&str]| {
        let arguments = [
            &[
                "delete",
                "--inventory",
                "set",
                "--namespace",
                namespace,
                "-o",
                "json",
            ],
            more,
        ]
        .concat();
        afterbay.run(arguments)
    };
    let pruned = |ended: &e2e::Ended| Ok::<_, anyhow::Error>(ended.json()?["counts"]["pruned"].clone());

    let dry = delete(&["--dry-run"])?.expect_success()?;
    ensure!(pruned(&dry)? == 3, "{}", dry.text());
    for (kind, name) in [
        ("configmap", "settings"),
        ("secret", "database"),
        ("service", "web"),
        ("configmap", "set"),
    ] {
        cluster.expect(namespace, kind, name)?;
    }
    let ended = delete(&[])?.expect_success()?;
    ensure!(pruned(&ended)? == 3, "{}", ended.text());
    for (kind, name) in [
        ("configmap", "settings"),
        ("secret", "database"),
        ("service", "web"),
        ("configmap", "set"),
    ] {
        cluster.expect_absent(namespace, kind, name)?;
    }
    cluster.expect(namespace, "configmap", "bystander")?;
    afterbay
        .run(["inventory", "set", "--namespace", namespace])?
        .expect_code(1)?
        .expect_text(&["set", namespace])?;

    // An object of that name that is no inventory is left alone.
    cluster.apply(&format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: set\n  namespace: {namespace}\ndata:\n  key: value\n"
    ))?;
    let refused = delete(&[])?;
    ensure!(refused.output.code == Some(14), "{}", refused.text());
    cluster.expect(namespace, "configmap", "set")?;
    Ok(Outcome::Passed)
}
