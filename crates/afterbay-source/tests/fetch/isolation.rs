//! No child process, no configuration of the user, nothing left on disk.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use afterbay_source::{CacheDir, SourceOptions};

use crate::support::{
    Answer, Repository, Request, Server, ServerOptions, cached, credentials, noise, options, respond, run,
    write_file,
};

/// Remotes for [`child_process`], one a line.
const REMOTES: &str = "AFTERBAY_TEST_REMOTES";

/// The cache for [`child_process`].
const CACHE: &str = "AFTERBAY_TEST_CACHE";

/// Not a test by itself: [`starts_no_process_and_leaves_nothing`] runs it in a process of its own.
#[test]
#[ignore = "run by another test"]
fn child_process() {
    let remotes = std::env::var(REMOTES).expect("set by the other test");
    for remote in remotes.lines() {
        let cache = CacheDir::Path(std::env::var_os(CACHE).expect("set by the other test").into());
        for cache in [cache.clone(), cache, CacheDir::Disabled] {
            let options = SourceOptions {
                cache,
                credentials: Some(credentials("me", "Pa55")),
                ..options(remote, "main")
            };
            println!("fetched {}", run(&options).commit());
        }
        assert!(matches!(
            run(&options(remote, "nothing")).error(),
            afterbay_source::SourceError::UnknownReference { .. }
        ));
    }
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "strace is a program of Linux")]
fn starts_no_process_and_leaves_nothing() {
    let repository = Repository::sample();
    // What a configuration could start, were it read.
    let trap = "!touch TRAPPED";
    let home = tempfile::tempdir().unwrap();
    let config = format!(
        "[credential]\n helper = {trap}\n[core]\n sshCommand = {trap}\n fsmonitor = {trap}\n hooksPath = /\n\
         [url \"http://127.0.0.1:1/\"]\n insteadOf = http://127.0.0.1\n insteadOf = /\n[alias]\n x = {trap}\n\
         [uploadpack]\n packObjectsHook = {trap}\n[http]\n proxy = http://127.0.0.1:1\n"
    );
    write_file(&home.path().join(".gitconfig"), &config);
    repository.git(&["config", "core.fsmonitor", "touch TRAPPED"]);
    repository.git(&["config", "core.alternateRefsCommand", "touch TRAPPED"]);
    let login = Some("me:Pa55".to_owned());
    let guarded = Server::start(
        repository.root(),
        ServerOptions {
            login,
            ..ServerOptions::default()
        },
    );
    let old = Server::start(
        repository.root(),
        ServerOptions {
            version_0: true,
            ..ServerOptions::default()
        },
    );
    let file = format!("file://{}", repository.url());
    let all = [repository.url(), file, old.url()].join("\n");
    let open = run_child(&all, home.path());
    assert_eq!(
        open.matches(&format!("fetched {}", repository.id("HEAD")))
            .count(),
        9,
        "{open}"
    );
    let fetched = run(&SourceOptions {
        credentials: Some(credentials("me", "Pa55")),
        ..options(&guarded.url(), "main")
    });
    assert_eq!(fetched.commit(), repository.id("HEAD"));
}

/// Runs [`child_process`] under `strace`, with a PATH that holds no program and every way to a configuration set.
fn run_child(remotes: &str, home: &Path) -> String {
    let nothing = tempfile::tempdir().unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let (cache, temporary) = (scratch.path().join("cache"), scratch.path().join("tmp"));
    std::fs::create_dir(&temporary).unwrap();
    let system = scratch.path().join("system.gitconfig");
    write_file(&system, std::fs::read(home.join(".gitconfig")).unwrap());
    let trace = scratch.path().join("trace");
    let this = std::env::current_exe().unwrap();
    let strace = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .map(|folder| folder.join("strace"))
        .find(|strace| strace.is_file())
        .expect("this test needs strace; install the package strace");
    let mut command = Command::new(strace);
    command
        .args([
            "-f",
            "-qq",
            "-e",
            "trace=execve,execveat,vfork,fork,open,openat",
            "-o",
        ])
        .arg(&trace)
        .arg(&this);
    command.args(["--exact", "isolation::child_process", "--ignored", "--nocapture"]);
    command
        .env_clear()
        .env("PATH", nothing.path())
        .env("HOME", home)
        .env("TMPDIR", &temporary);
    command
        .env("http_proxy", "http://127.0.0.1:1")
        .env("HTTPS_PROXY", "http://127.0.0.1:1");
    command
        .env("GIT_DIR", "/nowhere")
        .env("GIT_OBJECT_DIRECTORY", "/nowhere")
        .env("GIT_ASKPASS", "/bin/false");
    // git-config(1): the system's file, the user's, and pairs in the environment.
    command
        .env("GIT_CONFIG_SYSTEM", &system)
        .env("GIT_CONFIG_GLOBAL", &system)
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "url.http://127.0.0.1:1/.insteadOf")
        .env("GIT_CONFIG_VALUE_0", "http://127.0.0.1");
    command.env(REMOTES, remotes).env(CACHE, &cache);
    let output = command.output().expect("it starts");
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{text}");
    check_calls(&std::fs::read_to_string(&trace).unwrap(), &this);
    assert_eq!(names(&temporary), BTreeSet::new(), "temporary files are left");
    assert_eq!(names(home), BTreeSet::from([".gitconfig".to_owned()]));
    assert_eq!(names(&cache), BTreeSet::from(["git".to_owned()]));
    text
}

/// No program is started, and no configuration of the user or the system is opened, wherever this machine has it.
fn check_calls(trace: &str, this: &Path) {
    let (opened, started): (Vec<&str>, Vec<&str>) = trace
        .lines()
        .filter(|line| !line.contains("+++") && !line.contains("---"))
        .partition(|line| line.contains(" open"));
    // The one call is strace's own, which becomes the test program.
    assert_eq!(started.len(), 1, "{started:?}");
    assert!(
        started[0].contains("execve") && started[0].contains(this.to_str().unwrap()),
        "{started:?}"
    );
    assert!(
        opened.iter().any(|line| line.contains("/objects")),
        "the calls that open files are not in the trace"
    );
    let configuration: Vec<&&str> = opened
        .iter()
        .filter(|line| line.contains("gitconfig") || line.contains(".config/git"))
        .collect();
    assert!(configuration.is_empty(), "{configuration:?}");
}

/// The names in a folder.
fn names(folder: &Path) -> BTreeSet<String> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn a_fetch_that_is_killed_leaves_a_cache_that_works() {
    let repository = Repository::empty();
    // Many files, because an object is written when all of it is there.
    for index in 0..40_u32 {
        repository.write(&index.to_string(), noise(index, 10_000));
    }
    let commit = repository.commit("noise");
    let stalls = Arc::new(AtomicBool::new(true));
    let (root, stalling) = (repository.root().to_owned(), Arc::clone(&stalls));
    let script = move |request: &Request| {
        let is_fetch = String::from_utf8_lossy(&request.body).contains("command=fetch");
        if !is_fetch || !stalling.load(Ordering::Relaxed) {
            return None;
        }
        match respond(request, &root) {
            Answer::Reply(_, _, body) => Some(Answer::Stall(
                "application/x-git-upload-pack-result",
                body[..body.len() / 2].to_vec(),
            )),
            other => Some(other),
        }
    };
    let server = Server::start(
        repository.root(),
        ServerOptions {
            script: Some(Arc::new(script)),
            ..ServerOptions::default()
        },
    );
    let cache = tempfile::tempdir().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "isolation::child_process", "--ignored"])
        .stdout(Stdio::null());
    let mut child = command
        .env(REMOTES, server.url())
        .env(CACHE, cache.path())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while half_received(cache.path()) < 60_000 && start.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        half_received(cache.path()) >= 60_000,
        "the fetch is to be killed in the middle of the pack"
    );

    stalls.store(false, Ordering::Relaxed);
    let fetched = run(&cached(&server.url(), "main", cache.path()));
    assert_eq!(fetched.commit(), commit);
    assert_eq!(half_received(cache.path()), 0);
}

/// The size of the unfinished packs in a cache.
fn half_received(cache: &Path) -> u64 {
    let Ok(caches) = std::fs::read_dir(cache.join("git")) else {
        return 0;
    };
    let packs = caches
        .flatten()
        .filter_map(|cache| std::fs::read_dir(cache.path().join("objects/pack")).ok());
    let files = packs.flat_map(Iterator::flatten);
    let unfinished = files.filter(|file| file.file_name().to_string_lossy().starts_with(".tmp"));
    unfinished
        .filter_map(|file| Some(file.metadata().ok()?.len()))
        .sum()
}

#[test]
fn a_repository_is_not_written_to() {
    let repository = Repository::sample();
    repository.git(&["repack", "-q", "-a", "-d"]);
    let before = snapshot_of(&repository.path());
    run(&options(&repository.url(), "main")).snapshot();
    assert_eq!(snapshot_of(&repository.path()), before);
}

/// Every file below a folder with its size and time.
fn snapshot_of(folder: &Path) -> BTreeSet<(String, u64, std::time::SystemTime)> {
    let mut files = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let metadata = entry.metadata().unwrap();
        if metadata.is_dir() {
            files.extend(snapshot_of(&entry.path()));
        }
        files.insert((
            entry.path().display().to_string(),
            metadata.len(),
            metadata.modified().unwrap(),
        ));
    }
    files
}
