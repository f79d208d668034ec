//! The binary fetches by path and over HTTP by itself: PATH holds no program, and no process is started. Passwords are
//! in no output, and what is known already is not transferred again.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use e2e::{Afterbay, Ended, GitServer, Outcome, Repository, Scenario};

const PASSWORD: &str = "open sesame <&> 1001";
const LARGE: usize = 1 << 20;

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let repository = scenario.repository()?;
    repository
        .write("apps/settings.yaml", config_map("one"))?
        .write("large.bin", noise(LARGE))?;
    repository.commit("first")?;
    // Who is asked to start a helper would find this configuration, and the helper would leave a trace.
    scenario.write(
        "home/.gitconfig",
        "[credential]\n\thelper = !touch helper-was-here\n[url \"file:///nowhere/\"]\n\tinsteadOf = http://\n",
    )?;
    let server = GitServer::start(&scenario.folder, Some(&format!("shop:{PASSWORD}")))?;
    let remote = server.url("repository");
    let password = scenario
        .write("password", format!("{PASSWORD}\n"))?
        .display()
        .to_string();

    passwords(scenario, &remote, &password)?;
    transfers(scenario, &repository, &server, &password)?;
    ensure!(
        !scenario.folder.join("helper-was-here").exists(),
        "a credential helper was started"
    );
    let Some(strace) = strace() else {
        return Ok(Outcome::Skipped(
            "child processes were not looked for: strace is missing, install Debian's strace; all else holds"
                .to_owned(),
        ));
    };
    for remote in [
        remote.as_str(),
        &repository.url(),
        &format!("file://{}", repository.url()),
    ] {
        no_process(scenario, &strace, remote, &password)?;
    }
    Ok(Outcome::Passed)
}

/// Where `strace` is.
fn strace() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join("strace"))
        .find(|program| program.is_file())
}

/// Every way to give a password, right and wrong.
fn passwords(scenario: &Scenario, remote: &str, file: &str) -> anyhow::Result<()> {
    let plain = scenario.afterbay();
    let by_variable = scenario.afterbay().env("AFTERBAY_GIT_PASSWORD", PASSWORD);
    let in_url = remote.replacen("http://", "http://shop:open%20sesame%20%3C%26%3E%201001@", 1);
    let user = ["--git-username", "shop"];
    let with_file = [user.as_slice(), &["--git-password-file", file]].concat();
    let runs: [(&Afterbay, &str, &[&str]); 3] = [
        (&plain, remote, &with_file),
        (&by_variable, remote, &user),
        (&plain, &in_url, &[]),
    ];
    for (afterbay, remote, arguments) in runs {
        let arguments = [arguments, &["--path", "apps", "--no-cache"]].concat();
        let ended = afterbay
            .clone()
            .env("RUST_LOG", "trace")
            .apply(remote, &arguments)?
            .expect_success()?;
        silent(&ended, PASSWORD)?;
    }
    let wrong = scenario.write("wrong", "friend of nobody")?.display().to_string();
    let with_wrong = [user.as_slice(), &["--git-password-file", &wrong]].concat();
    let by_wrong_variable = scenario
        .afterbay()
        .env("AFTERBAY_GIT_PASSWORD", "friend of nobody");
    let runs: [(&Afterbay, &[&str]); 3] = [(&plain, &with_wrong), (&by_wrong_variable, &user), (&plain, &[])];
    for (afterbay, arguments) in runs {
        let ended = afterbay
            .clone()
            .env("RUST_LOG", "trace")
            .apply(remote, &[arguments, &["--path", "apps"]].concat())?
            .expect_code(10)?;
        let ended = ended.expect_text(&["/repository", "credentials", "hint:"])?;
        silent(&ended, "friend of nobody")?;
    }
    Ok(())
}

fn silent(ended: &Ended, password: &str) -> anyhow::Result<()> {
    let found = e2e::Canary::new(password).found_in(&ended.output.stderr);
    ensure!(found.is_empty(), "the password is in the output as {found:?}");
    ensure!(
        e2e::Canary::new(password)
            .found_in(&ended.output.stdout)
            .is_empty()
    );
    Ok(())
}

/// All at first, nothing for an unchanged remote, and only what is new after a commit.
fn transfers(
    scenario: &Scenario,
    repository: &Repository,
    server: &GitServer,
    file: &str,
) -> anyhow::Result<()> {
    let fetch = || {
        server.take_exchanges();
        scenario
            .afterbay()
            .bytes(
                [
                    "fetch",
                    "--url",
                    &server.url("repository"),
                    "--ref",
                    "main",
                    "--git-username",
                    "shop",
                    "--git-password-file",
                    file,
                ],
                b"",
            )
            .map(|tar| (tar, server.take_exchanges()))
    };
    let bytes = |exchanges: &[e2e::Exchange]| exchanges.iter().map(|one| one.bytes).sum::<usize>();
    let (first, exchanges) = fetch()?;
    ensure!(bytes(&exchanges) > LARGE, "{exchanges:?}");
    let (second, exchanges) = fetch()?;
    ensure!(
        exchanges.iter().all(|one| !one.is_fetch) && bytes(&exchanges) < 4096,
        "{exchanges:?}"
    );
    ensure!(first == second, "the cache made another tree");

    repository.write("apps/settings.yaml", config_map("two"))?;
    repository.commit("second")?;
    let (third, exchanges) = fetch()?;
    ensure!(
        exchanges.iter().any(|one| one.is_fetch) && bytes(&exchanges) < LARGE / 8,
        "{exchanges:?}"
    );
    ensure!(
        first != third && third.len() > LARGE,
        "the new tree is not complete"
    );
    Ok(())
}

/// A whole run under `strace`, which sees every program that is started.
fn no_process(scenario: &Scenario, strace: &Path, remote: &str, file: &str) -> anyhow::Result<()> {
    let afterbay = scenario.afterbay();
    let arguments = afterbay.apply_arguments(
        remote,
        &[
            "--path",
            "apps",
            "--no-cache",
            "--git-username",
            "shop",
            "--git-password-file",
            file,
        ],
    );
    let command = afterbay.command(&arguments);
    let log = scenario.folder.join("strace.log");
    let mut traced = Command::new(strace);
    traced
        .args(["-f", "-e", "trace=execve,execveat,fork,vfork", "-o"])
        .arg(&log)
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(&scenario.folder)
        .env_clear();
    for (name, value) in command.get_envs() {
        traced.env(name, value.unwrap_or_default());
    }
    let output = e2e::run(&mut traced)?;
    ensure!(output.code == Some(0), "{remote}: {}", output.stderr);
    let log = std::fs::read_to_string(log).context("strace wrote nothing")?;
    let calls: Vec<&str> = log
        .lines()
        .filter(|line| ["exec", "fork"].iter().any(|call| line.contains(call)))
        .collect();
    ensure!(
        calls.len() == 1 && calls[0].contains(&*command.get_program().to_string_lossy()),
        "{remote}: {calls:#?}"
    );
    Ok(())
}

fn config_map(value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  key: {value}\n")
}

/// Bytes that do not compress, the same ones each time.
fn noise(length: usize) -> Vec<u8> {
    let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .collect()
}
