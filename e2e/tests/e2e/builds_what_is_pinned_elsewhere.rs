//! Remote bases: nothing is asked without leave, what is pinned is fetched and built as kustomize builds it, its secrets are
//! opened like others, and it reaches nothing of the revision.

use std::process::Command;

use anyhow::ensure;
use e2e::{AgeKey, GitServer, Outcome, Repository, Scenario};

const FILE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: from-file\ndata: {key: \"1\"}\n";

/// `printf` of [`FILE`] into `sha256sum`.
const DIGEST: &str = "adcdd9d049bb0dbd0924406dd2c69bf03f968c87f2cd8392647a0fea2e9cddf2";

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let age = scenario.age_key("alice")?;
    let bases = Repository::create(&scenario.folder.join("bases"))?;
    let commit = commit_bases(scenario, &bases, &age)?;
    // What the repository became later does not count.
    bases.write("app/settings.yaml", "not: an object\n")?;
    let bad = {
        bases.write(
            "bad/kustomization.yaml",
            "resources: [../../../../private.yaml]\nsecretGenerator:\n- name: x\n  files: [../../../../private.yaml]\n",
        )?;
        bases.commit("later")?
    };
    scenario.write("files/v1/file.yaml", FILE)?;
    let server = GitServer::start(&scenario.folder, None)?;
    let (base, file) = (server.url("bases"), server.url("files/v1/file.yaml"));

    let repository = scenario.repository()?;
    let resources = format!("resources:\n- {base}//app?ref={commit}\n- {file}?checksum=sha256:{DIGEST}\n");
    repository.write("plain/kustomization.yaml", format!("namePrefix: p-\n{resources}"))?;
    repository.write(
        "shop/kustomization.yaml",
        format!("{resources}- {base}//sealed?ref={commit}\n"),
    )?;
    repository.write(
        "bad/kustomization.yaml",
        format!("resources: ['{base}//bad?ref={bad}']\n"),
    )?;
    repository.write("private.yaml", FILE)?;
    repository.commit("first")?;

    refused_without_leave(scenario, &repository, &server)?;
    confined(scenario, &repository, &base)?;
    same_bytes_as_kustomize(scenario, &repository, &server)?;

    let files = server.url("files");
    let allowed = [
        "--path",
        "shop",
        "--allow-remote",
        &base,
        "--allow-remote",
        &files,
    ];
    let identities = age.path();
    let arguments = [&allowed[..], &["--age-key-file", &identities, "--output", "json"]].concat();
    let applied = scenario
        .afterbay()
        .apply(&repository.url(), &arguments)?
        .expect_success()?;
    ensure!(applied.counts()? == [3, 0, 0, 0, 0], "{}", applied.text());
    let password = scenario
        .cluster
        .secret_value(&scenario.namespace, "database", "password")?;
    ensure!(password == "correct horse", "{password:?}");
    piped(scenario, &repository, &allowed, &age)?;
    Ok(Outcome::Passed)
}

fn commit_bases(scenario: &Scenario, bases: &Repository, age: &AgeKey) -> anyhow::Result<String> {
    let secret =
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: database\nstringData:\n  password: correct horse\n";
    bases.write("app/kustomization.yaml", "resources: [settings.yaml]\n")?;
    bases.write("app/settings.yaml", FILE.replace("from-file", "settings"))?;
    bases.write("sealed/kustomization.yaml", "resources: [database.yaml]\n")?;
    bases.write("sealed/database.yaml", scenario.sops().encrypt(secret, age)?)?;
    bases.commit("pinned")
}

/// Off, and where other places are allowed: one error with every entry, and the server hears nothing.
fn refused_without_leave(
    scenario: &Scenario,
    repository: &Repository,
    server: &GitServer,
) -> anyhow::Result<()> {
    let (base, other) = (server.url("bases"), server.url("other"));
    let runs: [&[&str]; 2] = [&[], &["--allow-remote", &other]];
    for flags in runs {
        server.take_exchanges();
        let arguments = [&["--path", "shop"], flags].concat();
        let ended = scenario
            .afterbay()
            .apply(&repository.url(), &arguments)?
            .expect_code(11)?;
        let flag = format!("allow it with --allow-remote {base}");
        ended.expect_text(&[
            "the build needs what is on other machines",
            "shop/kustomization.yaml:2:3: resource",
            "shop/kustomization.yaml:3:3: resource",
            "shop/kustomization.yaml:4:3: resource",
            &flag,
        ])?;
        ensure!(
            server.take_exchanges().is_empty(),
            "{flags:?}: the server was asked"
        );
    }
    Ok(())
}

fn confined(scenario: &Scenario, repository: &Repository, base: &str) -> anyhow::Result<()> {
    let arguments = ["--path", "bad", "--allow-remote", base];
    let ended = scenario
        .afterbay()
        .apply(&repository.url(), &arguments)?
        .expect_code(11)?;
    ended.expect_text(&[
        "resource \"../../../../private.yaml\"",
        "generator file \"../../../../private.yaml\"",
        "leads out of",
    ])?;
    Ok(())
}

/// The real kustomize, which fetches with git, prints the same.
fn same_bytes_as_kustomize(
    scenario: &Scenario,
    repository: &Repository,
    server: &GitServer,
) -> anyhow::Result<()> {
    let mut kustomize = Command::new(scenario.environment.tool("kustomize"));
    kustomize
        .args(["build", "--reorder=none"])
        .arg(repository.path().join("plain"))
        .env("GIT_CONFIG_GLOBAL", "/dev/null");
    let expected = e2e::run(&mut kustomize)?.success()?;
    let url = repository.url();
    let (base, files) = (server.url("bases"), server.url("files"));
    let arguments = [
        "fetch",
        "--url",
        &url,
        "--path",
        "plain",
        "--allow-remote",
        &base,
        "--allow-remote",
        &files,
    ];
    let fetched = scenario.afterbay().bytes(arguments, b"")?;
    let rendered = scenario
        .afterbay()
        .bytes(["render", "--path", "plain"], &fetched)?;
    let rendered = String::from_utf8(rendered)?;
    // What comes first says which revision it is.
    let objects: String = rendered
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| format!("{line}\n"))
        .collect();
    ensure!(
        objects == expected,
        "afterbay:\n{objects}\nkustomize:\n{expected}"
    );
    Ok(())
}

/// A pipe carries what was fetched, and the cluster stays as it is.
fn piped(scenario: &Scenario, repository: &Repository, allowed: &[&str], age: &AgeKey) -> anyhow::Result<()> {
    let url = repository.url();
    let fetch = [&["fetch", "--url", &url], allowed].concat();
    let ended = scenario
        .afterbay()
        .chain(
            &[
                &fetch,
                &["decrypt", "--path", "shop", "--age-key-file", &age.path()],
                &["render", "--path", "shop"],
                &[
                    "apply",
                    "-f",
                    "-",
                    "-o",
                    "json",
                    "--namespace",
                    &scenario.namespace,
                ],
            ],
            std::process::Stdio::null(),
        )?
        .expect_success()?;
    ensure!(ended.counts()? == [0, 0, 3, 0, 0], "{}", ended.text());
    Ok(())
}
