//! An opened value goes to a Secret, or to the place where its own file declares it, and nowhere else; what is
//! meant to stay sealed is said so, and a v1 Secret is never meant to.

use anyhow::ensure;
use e2e::{EyamlKey, Guarded, Outcome, Refusal, Scenario};

/// A kind whose operator in the cluster opens what is in it.
const SOPS_SECRET_CRD: &str = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: vaultsecrets.e2e.afterbay.dev
spec:
  group: e2e.afterbay.dev
  scope: Namespaced
  names: {kind: VaultSecret, plural: vaultsecrets, singular: vaultsecret}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        x-kubernetes-preserve-unknown-fields: true
";

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let (cluster, namespace) = (&scenario.cluster, scenario.namespace.as_str());
    let key = scenario.age_key("alice")?;
    let eyaml = EyamlKey::generate(&scenario.folder.join("eyaml"))?;
    let guarded = Guarded::new(scenario)?;
    let (age_file, rsa_file) = (key.path(), eyaml.private_key.display().to_string());
    let keys = ["--age-key-file", &age_file, "--eyaml-private-key-file", &rsa_file];
    let afterbay = scenario.afterbay();

    // A token of eyaml in a ConfigMap.
    let token = eyaml.token(&guarded.canary.value)?;
    let repository = guarded.repository("token-in-a-config-map")?;
    let settings =
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  password: {token}\n");
    repository.write("settings.yaml", &settings)?;
    guarded.refuses(
        &afterbay,
        &repository,
        &keys,
        Refusal::new(
            12,
            &[
                "settings.yaml:6:",
                "ConfigMap",
                "data.password",
                "--eyaml-kind ConfigMap",
            ],
        ),
    )?;
    // Nor in a name, of a Secret either.
    let repository = guarded.repository("token-in-a-name")?;
    repository.write(
        "named.yaml",
        format!("apiVersion: v1\nkind: Secret\nmetadata:\n  name: {token}\nstringData: {{}}\n"),
    )?;
    guarded.refuses(
        &afterbay,
        &repository,
        &keys,
        Refusal::new(12, &["named.yaml:4:", "metadata.name", "stands in a name"]),
    )?;

    // A v1 Secret is not exempt by an annotation of its own.
    let annotated = |name: &str, kind: &str| {
        guarded.secret(name).replace("kind: Secret", kind).replace(
            "stringData:",
            "    annotations: {kustomize.toolkit.fluxcd.io/decrypt: disabled}\nstringData:",
        )
    };
    let sealed = scenario
        .sops()
        .encrypt(&annotated("database", "kind: Secret"), &key)?;
    let repository = guarded.repository("exempt-secret")?;
    repository.write("database.yaml", sealed)?;
    guarded.refuses(
        &afterbay,
        &repository,
        &keys,
        Refusal::new(12, &["database.yaml:", "database", "--keep-sealed-secrets"]),
    )?;

    // A kind of its own is, and the report says so.
    cluster.apply(SOPS_SECRET_CRD)?;
    cluster
        .kubectl(&[
            "wait",
            "--for=condition=Established",
            "crd/vaultsecrets.e2e.afterbay.dev",
            "--timeout=20s",
        ])?
        .success()?;
    let vault =
        annotated("vault", "kind: VaultSecret").replace("apiVersion: v1", "apiVersion: e2e.afterbay.dev/v1");
    let sealed_vault = scenario.sops().encrypt(&vault, &key)?;
    // A sealed value at its own place in a kind that is no Secret: the author of the file put it there.
    let deployment = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: own-place\ndata:\n  password: {}\n",
        serde_json::Value::from(guarded.canary.value.as_str())
    );
    let sealed_map = scenario.sops().encrypt(&deployment, &key)?;
    let repository = guarded.repository("allowed")?;
    repository
        .write("vault.yaml", sealed_vault)?
        .write("own-place.yaml", sealed_map)?
        .write("settings.yaml", &settings)?;
    // The operator lets tokens of eyaml be opened in ConfigMaps.
    let allowed = [&keys[..], &["--eyaml-kind", "ConfigMap", "--output", "json"]].concat();
    let ended = guarded.accepts(&afterbay, &repository, &allowed)?;
    let exemptions = ended.json()?["decrypt"]["exemptions"].to_string();
    ensure!(
        exemptions.contains("vault.yaml")
            && exemptions.contains("VaultSecret")
            && exemptions.contains("annotation"),
        "{exemptions}"
    );
    for name in ["own-place", "settings"] {
        let live = cluster.expect(namespace, "configmap", name)?;
        ensure!(live["data"]["password"] == guarded.canary.value, "{name}");
    }
    let live = cluster.expect(namespace, "vaultsecrets.e2e.afterbay.dev", "vault")?;
    let text = live["stringData"]["password"].as_str().unwrap_or_default();
    ensure!(text.starts_with("ENC[AES256_GCM,"), "{live}");
    Ok(Outcome::Passed)
}
