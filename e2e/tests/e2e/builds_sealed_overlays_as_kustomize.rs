//! A repository of a base, components and two overlays, in which Secrets, patches and the files of generators are sealed: what
//! ends in the cluster is what the real kustomize builds from the same files in plain.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use e2e::{AgeKey, Outcome, Repository, Scenario, run as run_program};
use serde_json::{Value, json};

/// The overlays, and how many objects each builds.
const OVERLAYS: [(&str, u64); 2] = [("staging", 6), ("prod", 7)];

const KINDS: [&str; 4] = ["deployment", "service", "configmap", "secret"];

/// Files that are committed as they are.
const PLAIN: [(&str, &str); 7] = [
    (
        "base/kustomization.yaml",
        "resources: [web.yaml, database.yaml]\nlabels:\n- pairs: {app.kubernetes.io/part-of: shop}\n  includeTemplates: true\n\
         configMapGenerator:\n- name: settings\n  literals: [LOG_LEVEL=info, REGION=none]\n",
    ),
    (
        "base/web.yaml",
        "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  selector: {app: web}\n  ports: [{port: 80, targetPort: http}]\n\
         ---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 0\n  selector: {matchLabels: {app: web}}\n  \
         template:\n    metadata: {labels: {app: web}}\n    spec:\n      containers:\n      - name: server\n        \
         image: registry.example.com/shop:1\n        ports: [{name: http, containerPort: 8080}]\n        envFrom:\n        \
         - configMapRef: {name: settings}\n        - secretRef: {name: credentials}\n        - secretRef: {name: database}\n",
    ),
    (
        "components/metrics/kustomization.yaml",
        "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches:\n- target: {kind: Deployment}\n  patch: |-\n    \
         - {op: add, path: /spec/template/spec/containers/0/ports/-, value: {name: metrics, containerPort: 9090}}\n",
    ),
    (
        "components/mail/kustomization.yaml",
        "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [relay.yaml]\nconfigMapGenerator:\n\
         - name: settings\n  behavior: merge\n  literals: [RELAY=mail.example.com]\n",
    ),
    (
        "overlays/staging/kustomization.yaml",
        "namespace: NAMESPACE\nresources: [../../base]\ncomponents: [../../components/mail]\n\
         images: [{name: registry.example.com/shop, newTag: \"2\"}]\n\
         secretGenerator:\n- name: credentials\n  envs: [credentials.env]\npatches: [{path: database.patch.yaml}]\n",
    ),
    (
        "overlays/prod/kustomization.yaml",
        "namespace: NAMESPACE\nnamePrefix: live-\nresources: [../../base]\ncomponents: [../../components/mail, ../../components/metrics]\n\
         images: [{name: registry.example.com/shop, digest: \"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}]\n\
         secretGenerator:\n- name: credentials\n  envs: [credentials.env]\n- name: licence\n  files: [licence.key=licence.bin]\n  \
         options: {disableNameSuffixHash: true}\npatches: [{path: database.patch.yaml}]\n\
         configMapGenerator:\n- name: settings\n  behavior: merge\n  envs: [region.env]\n",
    ),
    ("overlays/prod/region.env", "REGION=eu-west-1\n"),
];

/// Files that are sealed, as the named format: Secrets and patches but for their names, the others as a whole.
const SEALED: [(&str, &str, &str); 7] = [
    (
        "base/database.yaml",
        "yaml",
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: database\nstringData:\n  user: shop\n  password: of-the-base\n",
    ),
    (
        "components/mail/relay.yaml",
        "yaml",
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: relay\ndata:\n  token: cmVsYXktdG9rZW4=\n",
    ),
    (
        "overlays/staging/credentials.env",
        "dotenv",
        "API_KEY=staging-key\nQUOTED=\"as it is\"\n",
    ),
    (
        "overlays/staging/database.patch.yaml",
        "yaml",
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: database\nstringData:\n  password: of-staging\n",
    ),
    (
        "overlays/prod/credentials.env",
        "dotenv",
        "API_KEY=a-long-key-of-prod-that-is-wrapped-when-it-is-encoded-0123456789-0123456789\n",
    ),
    (
        "overlays/prod/database.patch.yaml",
        "yaml",
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: database\nstringData:\n  password: of-prod\n  replica: \"true\"\n",
    ),
    (
        "overlays/prod/licence.bin",
        "binary",
        "licence of prod\nno newline at the end",
    ),
];

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let age = scenario.age_key("alice")?;
    let repository = scenario.repository()?;
    for (overlay, objects) in OVERLAYS {
        let sealed = scenario.cluster.create_namespace(&scenario.name)?;
        let plain = scenario.cluster.create_namespace(&scenario.name)?;
        write_sealed(scenario, &repository, &age, &sealed)?;
        compare(
            scenario,
            &repository,
            &age,
            &Overlay {
                path: format!("overlays/{overlay}"),
                objects,
                sealed,
                plain,
            },
        )?;
    }
    Ok(Outcome::Passed)
}

/// One overlay, and the namespaces that it is applied to.
struct Overlay {
    path: String,
    objects: u64,
    /// What afterbay applies from the sealed files.
    sealed: String,
    /// What kustomize builds from the plain ones.
    plain: String,
}

fn write_sealed(
    scenario: &Scenario,
    repository: &Repository,
    age: &AgeKey,
    namespace: &str,
) -> anyhow::Result<()> {
    for (path, text) in PLAIN {
        repository.write(path, text.replace("NAMESPACE", namespace))?;
    }
    for (path, format, text) in SEALED {
        let sealed = if format == "yaml" {
            scenario.sops().encrypt(text, age)?
        } else {
            scenario
                .sops()
                .encrypt_as(format, text, &["--age", &age.recipient])?
        };
        ensure!(sealed.contains("ENC[AES256_GCM"), "{path} was not sealed");
        repository.write(path, sealed)?;
    }
    repository.commit(namespace).map(drop)
}

/// The repository with every sealed file opened by the real sops.
fn opened(
    scenario: &Scenario,
    repository: &Repository,
    age: &AgeKey,
    namespace: &str,
) -> anyhow::Result<PathBuf> {
    let name = format!("plain-{namespace}");
    for (path, text) in PLAIN {
        scenario.write(&format!("{name}/{path}"), text.replace("NAMESPACE", namespace))?;
    }
    for (path, format, _) in SEALED {
        let text = scenario.sops().decrypt(format, &repository.read(path)?, age)?;
        scenario.write(&format!("{name}/{path}"), text)?;
    }
    Ok(scenario.folder.join(name))
}

fn kustomize(scenario: &Scenario, folder: &Path) -> anyhow::Result<String> {
    let mut command = Command::new(scenario.environment.tool("kustomize"));
    command.args(["build", "--reorder=none"]).arg(folder);
    run_program(&mut command)?.success()
}

fn compare(
    scenario: &Scenario,
    repository: &Repository,
    age: &AgeKey,
    overlay: &Overlay,
) -> anyhow::Result<()> {
    let (afterbay, path, key) = (scenario.afterbay(), overlay.path.as_str(), age.path());
    let applied = afterbay
        .apply(
            &repository.url(),
            &["--path", path, "--age-key-file", &key, "--output", "json"],
        )?
        .expect_success()?;
    ensure!(
        applied.counts()? == [overlay.objects, 0, 0, 0, 0],
        "{}",
        applied.text()
    );

    // What is built from the sealed files is what is built from the plain ones, byte for byte.
    let same = opened(scenario, repository, age, &overlay.sealed)?.join(path);
    let fetched = afterbay.bytes(["fetch", "--url", &repository.url(), "--ref", "main"], b"")?;
    let decrypted = afterbay.bytes(["decrypt", "--path", path, "--age-key-file", &key], &fetched)?;
    let rendered = String::from_utf8(afterbay.bytes(["render", "--path", path], &decrypted)?)?;
    let objects: String = rendered
        .split_inclusive('\n')
        .skip_while(|line| line.starts_with("# afterbay."))
        .collect();
    ensure!(
        objects == kustomize(scenario, &same)?,
        "{path}: kustomize prints other bytes from the plain files"
    );
    verify(scenario, &same, repository, path, overlay.objects)?;

    // And so is what lives in the cluster, where kustomize's own output went into another namespace.
    let other = opened(scenario, repository, age, &overlay.plain)?.join(path);
    let built = kustomize(scenario, &other)?;
    scenario
        .cluster
        .kubectl_with_input(&["apply", "--server-side", "--filename", "-"], built.as_bytes())?
        .success()?;
    let mut seen = 0;
    for kind in KINDS {
        let names = scenario.cluster.names(&overlay.plain, kind)?;
        let ours = scenario.cluster.names(&overlay.sealed, kind)?;
        ensure!(ours == names, "{path}: {kind}: {ours:?} and {names:?}");
        for name in &names {
            let left = live(scenario, &overlay.sealed, kind, name)?;
            let right = live(scenario, &overlay.plain, kind, name)?;
            ensure!(left == right, "{path}: {kind}/{name} differs");
            seen += 1;
        }
    }
    ensure!(
        seen == overlay.objects,
        "{path}: {seen} objects are in the cluster"
    );
    Ok(())
}

/// The command that compares says the same, and refuses the sealed tree.
fn verify(
    scenario: &Scenario,
    plain: &Path,
    repository: &Repository,
    path: &str,
    objects: u64,
) -> anyhow::Result<()> {
    let kustomize = scenario.environment.tool("kustomize");
    let afterbay = scenario.afterbay();
    let root = plain.ancestors().nth(2).context("the tree of the plain files")?;
    let arguments = |folder: &Path, root: &Path| {
        [
            "render".into(),
            folder.as_os_str().to_owned(),
            "--root".into(),
            root.as_os_str().to_owned(),
            "--verify-with".into(),
            kustomize.clone().into_os_string(),
        ]
    };
    afterbay
        .run(arguments(plain, root))?
        .expect_success()?
        .expect_text(&[&format!(
            "{objects} objects, byte for byte what kustomize v5.8.2 prints"
        )])?;
    let sealed = repository.path().join(path);
    afterbay
        .run(arguments(&sealed, repository.path()))?
        .expect_code(1)?
        .expect_text(&["is sealed: kustomize would build the ciphertext"])?;
    Ok(())
}

/// What of an object its manifest decides.
fn live(scenario: &Scenario, namespace: &str, kind: &str, name: &str) -> anyhow::Result<Value> {
    let mut object = scenario.cluster.expect(namespace, kind, name)?;
    let spec = object["spec"].take();
    Ok(json!({
        "type": object["type"],
        "data": object["data"],
        "labels": object["metadata"]["labels"],
        "template": spec["template"],
        "replicas": spec["replicas"],
        "selector": spec["selector"],
        "ports": spec["ports"],
    }))
}
