//! The fields of a Flux Kustomization as flags of `apply`: the tree stays as it is, what is sealed in a component that only a
//! flag names is opened, an opened value takes no part in substitution, and one of a cluster's Secret stays in Secrets.

use anyhow::ensure;
use e2e::{AgeKey, Outcome, Repository, Scenario};

const TOKEN: &str = "token-5c1d7e-of-the-cluster";

const DEPLOYMENT: &str = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: ${replicas:=0}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: nginx:1
        args: ['--zone=${zone}']
";

const PASSWORD: &str = "${zone} of $$ and ${{ nothing }}";

/// A Deployment with variables, a sealed Secret, a plain one with variables, and a component that nothing in the tree lists.
fn repository(scenario: &Scenario, key: &AgeKey) -> anyhow::Result<Repository> {
    let secret = |name: &str, value: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}\nstringData:\n  password: '{value}'\n"
        )
    };
    let repository = Repository::create(&scenario.folder.join("repository"))?;
    repository
        .write("app/web.yaml", DEPLOYMENT)?
        .write(
            "app/db.yaml",
            scenario.sops().encrypt(&secret("db", PASSWORD), key)?,
        )?
        .write("app/token.yaml", secret("token", "${zone}-${token}"))?
        .write(
            "parts/more/more.yaml",
            scenario.sops().encrypt(&secret("more", "more-3f1"), key)?,
        )?
        .write(
            "parts/more/kustomization.yaml",
            "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [more.yaml]\n",
        )?;
    repository.commit("first")?;
    Ok(repository)
}

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let (cluster, namespace) = (&scenario.cluster, scenario.namespace.as_str());
    let key = scenario.age_key("alice")?;
    let afterbay = scenario.afterbay();
    let repository = repository(scenario, &key)?;
    let values = scenario.folder.join("values.yaml");
    std::fs::write(
        &values,
        format!("apiVersion: v1\nkind: Secret\nmetadata:\n  name: vars\nstringData:\n  token: {TOKEN}\n"),
    )?;
    let patch = scenario.folder.join("patch.yaml");
    std::fs::write(
        &patch,
        "- patch: '[{\"op\": \"add\", \"path\": \"/metadata/annotations\", \"value\": {\"zone\": \"${zone}\"}}]'\n  target: {kind: Deployment}\n",
    )?;
    let (key_file, values, patch) = (
        key.path(),
        values.display().to_string(),
        patch.display().to_string(),
    );
    let flags = [
        "--age-key-file",
        &key_file,
        "--path",
        "app",
        "--name-prefix",
        "p-",
        "--component",
        "../parts/more",
        "--component",
        "../parts/gone",
        "--ignore-missing-components",
        "--image",
        "nginx=:2",
        "--patch-file",
        &patch,
        "--common-label",
        "team=shop",
        "--substitute-from",
        &values,
        "--substitute",
        "zone=eu",
    ];
    afterbay.apply(&repository.url(), &flags)?.expect_success()?;
    let web = cluster.expect(namespace, "deployment", "p-web")?;
    let container = &web["spec"]["template"]["spec"]["containers"][0];
    ensure!(
        container["image"] == "nginx:2"
            && container["args"][0] == "--zone=eu"
            && web["spec"]["replicas"] == 0,
        "{web}"
    );
    ensure!(
        web["metadata"]["annotations"]["zone"] == "eu" && web["metadata"]["labels"]["team"] == "shop",
        "{web}"
    );
    for (name, value) in [
        ("p-db", PASSWORD),
        ("p-more", "more-3f1"),
        ("p-token", &format!("eu-{TOKEN}")),
    ] {
        let found = cluster.secret_value(namespace, name, "password")?;
        ensure!(found == value, "{name} holds something else");
    }

    // An argument is no place for a value of a Secret.
    repository.write(
        "app/web.yaml",
        DEPLOYMENT.replace("--zone=${zone}", "--token=${token}"),
    )?;
    repository.commit("second")?;
    let refused = afterbay.apply(&repository.url(), &flags)?.expect_code(12)?;
    let refused = refused.expect_text(&[
        "Deployment.apps/p-web: spec.template.spec.containers[0].args[0]",
        "Secret vars of the cluster, put there by postBuild",
        "nothing was written",
    ])?;
    ensure!(!refused.text().contains(TOKEN), "the token is in the output");
    // Without a value for it a variable is an error, not nothing.
    let unset = &flags[..flags.len() - 2];
    afterbay
        .apply(&repository.url(), unset)?
        .expect_code(11)?
        .expect_text(&[
            "app/token.yaml:",
            "variable zone is not set",
            "nothing was written",
        ])?;
    Ok(Outcome::Passed)
}
