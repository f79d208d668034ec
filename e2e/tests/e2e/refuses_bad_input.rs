//! Input that cannot be applied: each with its exit code and its place, within ten seconds, with nothing
//! written, nothing pruned and no secret in the text. And input that looks odd and is fine.

use std::fmt::Write as _;

use anyhow::{Context as _, ensure};
use e2e::{AgeKey, GitServer, Guarded, Outcome, Refusal, Repository, Scenario, tamper};

/// Files of a revision that is refused.
struct Case {
    name: &'static str,
    files: Vec<(&'static str, Vec<u8>)>,
    code: i32,
    says: Vec<String>,
}

impl Case {
    fn new(name: &'static str, code: i32, says: &[&str]) -> Self {
        Self {
            name,
            files: Vec::new(),
            code,
            says: says.iter().map(|text| (*text).to_owned()).collect(),
        }
    }

    fn with(mut self, path: &'static str, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.push((path, bytes.into()));
        self
    }
}

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let key = scenario.age_key("alice")?;
    let guarded = Guarded::new(scenario)?;
    let sealed = scenario.sops().encrypt(&guarded.secret("database"), &key)?;

    let mut cases = manifests();
    cases.extend(sealed_files(&sealed)?);
    cases.extend(huge());
    let mut failures = Vec::new();
    for case in &cases {
        if let Err(error) = refuses(scenario, &guarded, &key, case) {
            failures.push(format!("{}: {error:#}", case.name));
        }
    }
    if let Err(error) = sources(scenario, &guarded, &key) {
        failures.push(format!("source: {error:#}"));
    }
    if let Err(error) = limits(scenario, &guarded) {
        failures.push(format!("limits: {error:#}"));
    }
    ensure!(failures.is_empty(), "{}", failures.join("\n---\n"));

    let repository = guarded.repository("accepted")?;
    odd_and_fine(&repository, &sealed)?;
    guarded.accepts(
        &scenario.afterbay(),
        &repository,
        &["--age-key-file", &key.path(), "--max-file-size", "11000000"],
    )?;
    let value = scenario
        .cluster
        .secret_value(&scenario.namespace, "database", "password")?;
    ensure!(value == guarded.canary.value);
    let windows = scenario
        .cluster
        .expect(&scenario.namespace, "configmap", "windows")?;
    ensure!(
        windows["data"]["key"] == "value" && windows["data"]["text"] == "one\ntwo\n",
        "{windows}"
    );
    let long = scenario.cluster.names(&scenario.namespace, "configmap")?;
    ensure!(
        ["long", "large"]
            .iter()
            .all(|wanted| long.iter().any(|name| name == wanted)),
        "{long:?}"
    );
    Ok(Outcome::Passed)
}

fn refuses(scenario: &Scenario, guarded: &Guarded<'_>, key: &AgeKey, case: &Case) -> anyhow::Result<()> {
    let repository = guarded.repository(case.name)?;
    for (path, bytes) in &case.files {
        repository.write(path, bytes)?;
    }
    let says: Vec<&str> = case.says.iter().map(String::as_str).collect();
    let arguments = ["--age-key-file", &key.path()];
    let refusal = Refusal::new(case.code, &says);
    guarded
        .refuses(&scenario.afterbay(), &repository, &arguments, refusal)
        .map(drop)
}

const HEAD: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: odd\n";

fn manifests() -> Vec<Case> {
    vec![
        Case::new("not-yaml", 11, &["bad.yaml:2"]).with("bad.yaml", "kind: [ConfigMap\nname: }{\n"),
        Case::new("not-an-object", 11, &["bad.yaml:1", "apiVersion"]).with("bad.yaml", "- a\n- b\n"),
        Case::new("a-scalar", 11, &["bad.yaml:1", "apiVersion"]).with("bad.yaml", "just text\n"),
        Case::new("no-api-version", 11, &["bad.yaml:1", "apiVersion"])
            .with("bad.yaml", "kind: ConfigMap\nmetadata:\n  name: odd\n"),
        Case::new("no-kind", 11, &["bad.yaml:1", "kind"])
            .with("bad.yaml", "apiVersion: v1\nmetadata:\n  name: odd\n"),
        Case::new("no-name", 11, &["bad.yaml:", "name"]).with(
            "bad.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  labels: {a: b}\n",
        ),
        Case::new("duplicates", 11, &["bad.yaml:1", "bad.yaml:6", "odd"])
            .with("bad.yaml", format!("{HEAD}---\n{HEAD}")),
        Case::new("duplicate-keys", 11, &["bad.yaml:7:1", "line 5"]).with(
            "bad.yaml",
            format!("{HEAD}data:\n  a: \"1\"\ndata:\n  a: \"2\"\n"),
        ),
        Case::new("not-utf-8", 11, &["bad.yaml:6"]).with(
            "bad.yaml",
            [HEAD.as_bytes(), b"data:\n  key: \"\xff\xfe\"\n"].concat(),
        ),
        // Everything is reported, not only the first.
        Case::new("several", 11, &["one.yaml:1", "two.yaml:1", "2 errors"])
            .with("one.yaml", "- a\n")
            .with("two.yaml", "- b\n"),
    ]
}

fn sealed_files(sealed: &str) -> anyhow::Result<Vec<Case>> {
    let line = |start: &str| tamper::line_of(sealed, start);
    let password = format!("database.yaml:{}:", line("password: ")?);
    let unsealed = sealed.split_once("sops:\n").context("no metadata")?.0.to_owned();
    let token = unsealed
        .lines()
        .find_map(|line| line.trim_start().strip_prefix("password: "))
        .context("no token")?;
    let truncated = token.replace("data:", "data:%");
    let half = &token[..token.len() / 2];
    // The text ends in the middle of a group of four.
    let (data, rest) = token.split_once(",iv:").context("no data in the token")?;
    let cut = format!("{},iv:{rest}", &data[..data.len() - 3]);
    let cases = [
        (
            "no-metadata",
            unsealed.clone(),
            vec![password.as_str(), "without the metadata"],
        ),
        (
            "no-mac",
            tamper::remove(sealed, "mac: ")?,
            vec!["database.yaml:", "no mac"],
        ),
        (
            "two-rules",
            sealed.replace(
                "    encrypted_regex: ",
                "    unencrypted_suffix: _plain\n    encrypted_regex: ",
            ),
            vec![
                "database.yaml:",
                "encrypted_regex",
                "unencrypted_suffix",
                "remove all but",
            ],
        ),
        (
            "unknown-type-label",
            sealed.replacen("type:str", "type:string", 1),
            vec![&password, "stringData.password", "unknown type label"],
        ),
        (
            "not-base64",
            sealed.replace(token, &truncated),
            vec![&password, "stringData.password", "not base64"],
        ),
        (
            "truncated-base64",
            sealed.replace(token, &cut),
            vec![&password, "stringData.password", "not base64"],
        ),
        (
            "half-a-token",
            sealed.replace(token, half),
            vec![&password, "stringData.password", "truncated"],
        ),
        (
            "plain-where-sealed",
            sealed.replace(token, "sh0p-us3r-n4me"),
            vec![&password, "stringData.password", "plain text"],
        ),
    ];
    let cases = cases.map(|(name, text, says)| Case::new(name, 12, &says).with("database.yaml", text));
    Ok(cases.into())
}

fn huge() -> Vec<Case> {
    let mut bomb = format!("{HEAD}data:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..=12 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        let _ = writeln!(bomb, "  a{level}: &a{level} [{aliases}]");
    }
    let flow = format!(
        "{HEAD}data:\n  deep: {}{}\n",
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let mut block = format!("{HEAD}data:\n");
    for level in 1..=2_000 {
        let _ = writeln!(block, "{}a:", "  ".repeat(level));
    }
    // Maps that deep would fill 50 MB with their indentation; lists in lists need two characters a level.
    let lists = format!("{HEAD}data:\n  deep:\n    {}x\n", "- ".repeat(10_000));
    let sealed = format!(
        "{{\"data\":{}1{},\"sops\":{{\"mac\":\"ENC[AES256_GCM,data:AA==,iv:AA==,tag:AA==,type:str]\",\"version\":\"3.13.3\"}}}}",
        "{\"a\":".repeat(10_000),
        "}".repeat(10_000)
    );
    let json = format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    vec![
        Case::new("alias-bomb", 11, &["bad.yaml:"]).with("bad.yaml", bomb),
        Case::new("deep-flow", 11, &["bad.yaml:6", "deep"]).with("bad.yaml", flow),
        Case::new("deep-block", 11, &["bad.yaml:"]).with("bad.yaml", block),
        Case::new("deep-lists", 11, &["bad.yaml:7", "deep"]).with("bad.yaml", lists),
        Case::new("deep-sealed-json", 12, &["bad.json:1"])
            .with("bad.json", sealed)
            .with("kustomization.yaml", "resources: [kept.yaml, bad.json]\n"),
        Case::new("deep-json", 11, &["bad.json:1"])
            .with("bad.json", json)
            .with("kustomization.yaml", "resources: [kept.yaml, bad.json]\n"),
        Case::new("ten-megabytes", 10, &["bad.yaml", "--max-file-size"]).with(
            "bad.yaml",
            format!("{HEAD}data:\n  key: {}\n", "x".repeat(10_500_000)),
        ),
    ]
}

/// What is wrong before a file is read.
fn sources(scenario: &Scenario, guarded: &Guarded<'_>, key: &AgeKey) -> anyhow::Result<()> {
    let afterbay = scenario.afterbay();
    let repository = guarded.repository("sources")?;
    repository.write("apps/empty/README.md", "nothing to apply\n")?;
    let commit = repository.commit("first")?;
    let url = repository.url();
    let folder = scenario.folder.join("no-repository");
    std::fs::create_dir_all(&folder)?;
    let folder = folder.display().to_string();
    let none = scenario.folder.join("nothing-here").display().to_string();
    let unknown = commit.chars().rev().collect::<String>();
    let cases: [(&str, &str, &str, i32, &[&str]); 12] = [
        (&folder, "main", ".", 10, &[&folder, "not a git repository"]),
        (&none, "main", ".", 10, &[&none]),
        (&url, "main", "", 2, &["--path"]),
        ("ftp://example.com/a", "main", ".", 2, &["ftp"]),
        (&url, "mian", ".", 10, &["mian", "main"]),
        (&url, &unknown, ".", 10, &[&unknown]),
        (&url, "bad..ref", ".", 2, &["bad..ref"]),
        (&url, "main", "nowhere", 11, &["nowhere"]),
        (&url, "main", "kept.yaml", 11, &["kept.yaml", "directory"]),
        (&url, "main", "../..", 2, &["../.."]),
        (&url, "main", "/etc", 11, &["etc", "no such"]),
        (&url, "main", "apps/empty", 14, &["apps/empty", "--consent"]),
    ];
    let mut failures = Vec::new();
    for (url, reference, path, code, says) in cases {
        let arguments = [
            "apply",
            "--url",
            url,
            "--ref",
            reference,
            "--path",
            path,
            "--namespace",
            &scenario.namespace,
            "--inventory",
            "guarded",
            "--prune",
            "--age-key-file",
            &key.path(),
        ];
        let arguments = arguments.map(str::to_owned);
        if let Err(error) = guarded.refuses_run(&afterbay, &arguments, Refusal::new(code, says)) {
            failures.push(format!("{error:#}"));
        }
    }
    ensure!(failures.is_empty(), "{}", failures.join("\n---\n"));
    Ok(())
}

/// Each limit on a repository, lowered by its flag; the message names the flag.
fn limits(scenario: &Scenario, guarded: &Guarded<'_>) -> anyhow::Result<()> {
    let repository = guarded.repository("limits")?;
    repository.write("more.yaml", HEAD)?;
    repository.commit("first")?;
    let server = GitServer::start(&scenario.folder, None)?;
    let (local, remote) = (repository.url(), server.url("limits"));
    let cases: [(&str, &str, &str, &str); 7] = [
        (&local, "--max-file-size", "10", "kept.yaml"),
        (&local, "--max-files", "1", "more.yaml"),
        (&local, "--max-tree-size", "90", "more.yaml"),
        (&remote, "--max-files", "1", "more.yaml"),
        (&remote, "--max-tree-size", "90", "more.yaml"),
        (&remote, "--max-received-size", "90", "sends more than 90 bytes"),
        (
            &remote,
            "--max-inflated-size",
            "90",
            "inflate to more than 90 bytes",
        ),
    ];
    let mut failures = Vec::new();
    for (url, flag, limit, says) in cases {
        let arguments = ["--inventory", "guarded", "--prune", "--no-cache", flag, limit];
        let afterbay = scenario.afterbay();
        let arguments = afterbay.apply_arguments(url, &arguments);
        let says = [says, "hint:", flag];
        if let Err(error) = guarded.refuses_run(&afterbay, &arguments, Refusal::new(10, &says)) {
            failures.push(format!("{flag} {limit}: {error:#}"));
        }
    }
    ensure!(failures.is_empty(), "{}", failures.join("\n---\n"));
    Ok(())
}

fn odd_and_fine(repository: &Repository, sealed: &str) -> anyhow::Result<()> {
    let windows = format!(
        "\u{feff}{}data:\n  key: value\n  text: |\n    one\n    two\n",
        HEAD.replace("odd", "windows")
    );
    repository
        .write("windows.yaml", windows.replace('\n', "\r\n"))?
        .write(
            "database.yaml",
            format!("\u{feff}{}", sealed.replace('\n', "\r\n")),
        )?;
    let mut long = format!("{}data:\n", HEAD.replace("odd", "long"));
    // 50,000 lines, and less than an object may have in bytes.
    for number in 0..50_000 {
        let _ = writeln!(long, "  k{number}: v");
    }
    repository.write("long.yaml", long)?;
    // 10 MB, most of them comments: the object is small.
    let mut large = HEAD.replace("odd", "large");
    while large.len() < 10_500_000 {
        let _ = writeln!(large, "# {}", "x".repeat(1000));
    }
    repository.write("large.yaml", large)?;
    Ok(())
}
