//! `--secret-policy`: by default plain Secrets are named; where encryption is required they are refused before anything is
//! written, by where each value came from and not by names, and so is what lost its provenance in a pipe.

use anyhow::ensure;
use e2e::{EyamlKey, Outcome, Repository, Scenario};

const REQUIRED: [&str; 2] = ["--secret-policy", "require-encrypted"];

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let (cluster, namespace) = (&scenario.cluster, scenario.namespace.as_str());
    let key = scenario.age_key("alice")?;
    let keys = ["--age-key-file", &key.path()];
    let afterbay = scenario.afterbay();
    let secret = |name: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}\nstringData:\n  password: hunter2\n  user: ''\n"
        )
    };
    let sealed = |name: &str| scenario.sops().encrypt(&secret(name), &key);

    let dotenv = scenario
        .sops()
        .encrypt_as("dotenv", "password=hunter2\n", &["--age", &key.recipient])?;

    // Sealed files, and a Secret that is generated from one.
    let repository = Repository::create(&scenario.folder.join("sealed"))?;
    repository
        .write("sealed.yaml", sealed("sealed")?)?
        .write("values.env", dotenv)?
        .write(
            "kustomization.yaml",
            "resources: [sealed.yaml]\nsecretGenerator:\n- name: generated\n  envs: [values.env]\n",
        )?;
    repository.commit("first")?;
    let required = [&keys[..], &REQUIRED].concat();
    let ended = afterbay.apply(&repository.url(), &required)?.expect_success()?;
    ensure!(!ended.text().contains("not sealed"), "{}", ended.text());

    // One literal beside what was opened is plain, and so is a whole file.
    repository
        .write(
            "kustomization.yaml",
            "resources: [sealed.yaml, plain.yaml]\nsecretGenerator:\n- name: generated\n  envs: [values.env]\n  literals: [token=hunter3]\n",
        )?
        .write("plain.yaml", secret("plain"))?;
    repository.commit("second")?;
    let refused = afterbay.apply(&repository.url(), &required)?.expect_code(12)?;
    refused.expect_text(&[
        "plain.yaml:",
        "data.token in plain text",
        "stringData.password in plain text",
        "2 errors",
        "nothing was written",
    ])?;
    cluster.expect_absent(namespace, "secret", "plain")?;
    let warned = afterbay.apply(&repository.url(), &keys)?.expect_success()?;
    let warned = warned.expect_text(&["plain.yaml:", "not sealed", "stringData.password"])?;
    ensure!(!warned.text().contains("hunter"), "{}", warned.text());
    let off = [&keys[..], &["--secret-policy", "off"]].concat();
    let ended = afterbay.apply(&repository.url(), &off)?.expect_success()?;
    ensure!(!ended.text().contains("not sealed"), "{}", ended.text());

    eyaml(scenario)?;
    pipes(scenario)?;
    other_kinds(scenario)?;
    Ok(Outcome::Passed)
}

fn eyaml(scenario: &Scenario) -> anyhow::Result<()> {
    let key = EyamlKey::generate(&scenario.folder.join("eyaml"))?;
    let repository = Repository::create(&scenario.folder.join("tokens"))?;
    repository.write(
        "token.yaml",
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: token\nstringData:\n  password: {}\n",
            key.token("hunter2")?
        ),
    )?;
    repository.commit("first")?;
    let file = key.private_key.display().to_string();
    let required = [&["--eyaml-private-key-file", file.as_str()][..], &REQUIRED].concat();
    let afterbay = scenario.afterbay();
    let refused = afterbay.apply(&repository.url(), &required)?.expect_code(12)?;
    refused.expect_text(&["not authenticated", "--allow-unauthenticated eyaml"])?;
    let allowed = [&required[..], &["--allow-unauthenticated", "eyaml"]].concat();
    afterbay
        .apply(&repository.url(), &allowed)?
        .expect_success()
        .map(drop)
}

fn pipes(scenario: &Scenario) -> anyhow::Result<()> {
    let text = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: piped\ndata:\n  password: aHVudGVyMg==\n";
    let apply = |more: &[&str]| {
        let arguments = ["apply", "-f", "-", "--namespace", &scenario.namespace];
        scenario
            .afterbay()
            .run_with_input([&arguments[..], more].concat(), text.as_bytes())
    };
    let refused = apply(&REQUIRED)?.expect_code(12)?;
    refused.expect_text(&["data.password from a pipe", "nothing was written"])?;
    apply(&[])?.expect_success().map(drop)
}

fn other_kinds(scenario: &Scenario) -> anyhow::Result<()> {
    let repository = Repository::create(&scenario.folder.join("other"))?;
    repository.write(
        "settings.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  color: blue\n  license: hunter2\n",
    )?;
    repository.commit("first")?;
    let afterbay = scenario.afterbay();
    afterbay.apply(&repository.url(), &REQUIRED)?.expect_success()?;
    let named = [&REQUIRED[..], &["--secret-in", "ConfigMap:data.license"]].concat();
    let refused = afterbay.apply(&repository.url(), &named)?.expect_code(12)?;
    refused.expect_text(&["data.license in plain text"])?;
    // Ciphertext never reaches the cluster, whatever is asked of plaintext.
    repository.write(
        "settings.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  license: ENC[AES256_GCM,data:AAAA,type:str]\n",
    )?;
    repository.commit("second")?;
    for policy in ["require-encrypted", "warn", "off"] {
        let arguments = ["--secret-policy", policy];
        let refused = afterbay.apply(&repository.url(), &arguments)?.expect_code(12)?;
        refused.expect_text(&["settings.yaml", "data.license"])?;
    }
    Ok(())
}
