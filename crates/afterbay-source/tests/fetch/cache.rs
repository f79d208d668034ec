//! The object cache: what travels again, what does not, and what a killed process leaves.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use afterbay_source::{FetchEvent, SourceError, SourceOptions, Timeouts};

use crate::support::{Repository, Server, ServerOptions, cached, listing, noise, run, text, write_file};

/// Thirty commits of a tree with a large file that does not compress.
fn grown() -> Repository {
    let repository = Repository::empty();
    repository.write("large.bin", noise(0, 300_000));
    for index in 0..30 {
        repository.write(&format!("apps/{index}/secret.yaml"), format!("value: {index}\n"));
        repository.commit("more");
    }
    repository
}

fn server(repository: &Repository, version_0: bool) -> Server {
    Server::start(
        repository.root(),
        ServerOptions {
            version_0,
            ..ServerOptions::default()
        },
    )
}

/// The one cache below a cache directory.
fn only_cache(cache: &Path) -> PathBuf {
    let mut found = fs::read_dir(cache.join("git")).unwrap();
    let only = found.next().unwrap().unwrap().path();
    assert!(found.next().is_none(), "there are two caches");
    only
}

fn packs(cache: &Path) -> usize {
    fs::read_dir(only_cache(cache).join("objects/pack"))
        .unwrap()
        .count()
        / 2
}

#[test]
fn an_unchanged_remote_costs_one_advertisement() {
    for version_0 in [false, true] {
        let repository = grown();
        repository.git(&["tag", "-a", "v1", "-m", "annotated"]);
        let server = server(&repository, version_0);
        let cache = tempfile::tempdir().unwrap();
        for reference in ["main", "v1"] {
            let options = cached(&server.url(), reference, cache.path());
            let first = run(&options);
            server.take_log();
            let second = run(&options);
            let expected: &[&str] = if version_0 {
                &["GET /info/refs?service=git-upload-pack"]
            } else {
                &[
                    "GET /info/refs?service=git-upload-pack",
                    "POST /git-upload-pack ls-refs",
                ]
            };
            assert_eq!(server.take_log(), expected);
            assert!(second.events.contains(&FetchEvent::Unchanged));
            assert_eq!(second.cost().2, 0, "no object travels");
            assert!(second.cost().1 < 1000, "{} bytes", second.cost().1);
            assert_eq!(listing(second.snapshot()), listing(first.snapshot()));
            assert_eq!(second.snapshot().revision, first.snapshot().revision);
        }
    }
}

#[test]
fn only_what_changed_travels() {
    for version_0 in [false, true] {
        let repository = grown();
        let server = server(&repository, version_0);
        let cache = tempfile::tempdir().unwrap();
        let options = cached(&server.url(), "main", cache.path());
        let (_, bytes, objects) = run(&options).cost();
        // A commit, the root, `apps`, 30 directories, 30 files and the large one: not its history.
        assert_eq!(objects, 64);
        assert!(bytes > 300_000, "{bytes} bytes");

        repository.write("apps/7/secret.yaml", "value: changed\n");
        let commit = repository.commit("change");
        let fetched = run(&options);
        assert_eq!(fetched.commit(), commit);
        assert_eq!(text(fetched.snapshot(), "apps/7/secret.yaml"), "value: changed\n");
        assert_eq!(
            listing(fetched.snapshot()),
            listing(run(&crate::support::options(&repository.url(), "main")).snapshot())
        );
        let (_, bytes, objects) = fetched.cost();
        // The commit, three directories, the file; the packs may hold their bases as well.
        assert!(objects <= 8, "{objects} objects");
        assert!(bytes < 3000, "{bytes} bytes");
    }
}

#[test]
fn a_force_push_travels_alone() {
    let repository = grown();
    let server = server(&repository, false);
    let cache = tempfile::tempdir().unwrap();
    let options = cached(&server.url(), "main", cache.path());
    run(&options).snapshot();
    repository.git(&["reset", "-q", "--hard", "HEAD~3"]);
    repository.write("apps/1/secret.yaml", "value: rewritten\n");
    let commit = repository.commit("rewritten");
    let fetched = run(&options);
    assert_eq!(fetched.commit(), commit);
    assert!(!listing(fetched.snapshot()).contains("apps/29/"));
    assert!(fetched.cost().1 < 3000, "{} bytes", fetched.cost().1);
    // Back to where it was: the cache still has it.
    repository.git(&["reset", "-q", "--hard", "HEAD@{2}"]);
    let fetched = run(&options);
    assert!(listing(fetched.snapshot()).contains("apps/29/"));
    assert_eq!(fetched.cost().2, 0);
}

#[test]
fn a_pinned_commit_in_the_cache_needs_no_server() {
    let repository = grown();
    let server = server(&repository, false);
    let cache = tempfile::tempdir().unwrap();
    run(&cached(&server.url(), "main", cache.path())).snapshot();
    server.take_log();
    let fetched = run(&cached(&server.url(), &repository.id("HEAD"), cache.path()));
    assert_eq!(fetched.snapshot().revision.reference, None);
    assert_eq!(fetched.cost(), (0, 0, 0));
    assert!(server.take_log().is_empty());
}

#[test]
fn branches_share_a_cache_and_remotes_do_not() {
    let repository = grown();
    repository.git(&["branch", "other", "HEAD~1"]);
    let (one, two) = (server(&repository, false), server(&repository, false));
    let cache = tempfile::tempdir().unwrap();
    run(&cached(&one.url(), "main", cache.path())).snapshot();
    let other = run(&cached(&one.url(), "other", cache.path()));
    assert!(other.cost().1 < 3000, "{} bytes", other.cost().1);
    let with_credentials = one.url().replace("http://", "http://me:Pa55@");
    let same = run(&cached(&with_credentials, "main", cache.path()));
    assert_eq!(same.cost().2, 0, "credentials do not make another cache");
    only_cache(cache.path());
    run(&cached(&two.url(), "main", cache.path())).snapshot();
    assert_eq!(fs::read_dir(cache.path().join("git")).unwrap().count(), 2);
}

#[test]
fn what_a_killed_process_leaves_is_cleaned_up() {
    let repository = grown();
    let server = server(&repository, false);
    let cache = tempfile::tempdir().unwrap();
    let options = cached(&server.url(), "main", cache.path());
    run(&options).snapshot();
    let directory = only_cache(cache.path());
    let pack = directory.join("objects/pack");
    for leftover in [".tmpAbCdEf", "pack-1.pack", "pack-2.idx", "pack-3.keep"] {
        write_file(&pack.join(leftover), b"half of it");
    }
    write_file(&directory.join("state.new"), b"afterbay git");
    repository.write("a.yaml", "a: 2\n");
    let commit = repository.commit("change");
    let fetched = run(&options);
    assert_eq!(fetched.commit(), commit);
    assert!(fetched.cost().1 < 3000, "the cache is still used");
    let mut names: Vec<String> = fs::read_dir(&pack)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let kinds: Vec<&str> = names
        .iter()
        .map(|name| name.rsplit('.').next().unwrap())
        .collect();
    assert_eq!(kinds.len(), 4, "{names:?}");
    assert!(
        kinds.iter().all(|kind| matches!(*kind, "pack" | "idx")),
        "{names:?}"
    );
}

/// What is done to a cache.
type Damage = fn(&Path);

#[test]
fn a_broken_cache_is_made_anew() {
    let repository = grown();
    let server = server(&repository, false);
    let truncate_packs: Damage = |directory| {
        for entry in fs::read_dir(directory.join("objects/pack")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "pack") {
                let length = fs::metadata(&path).unwrap().len();
                fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
                fs::OpenOptions::new()
                    .write(true)
                    .open(&path)
                    .unwrap()
                    .set_len(length / 2)
                    .unwrap();
            }
        }
    };
    let lose_objects: Damage = |directory| fs::remove_dir_all(directory.join("objects")).unwrap();
    let lose_state: Damage = |directory| fs::remove_file(directory.join("state")).unwrap();
    let foreign_state: Damage = |directory| write_file(&directory.join("state"), b"afterbay git cache 0\n");
    for damage in [truncate_packs, lose_objects, lose_state, foreign_state] {
        let cache = tempfile::tempdir().unwrap();
        let options = cached(&server.url(), "main", cache.path());
        let whole = listing(run(&options).snapshot());
        damage(&only_cache(cache.path()));
        let fetched = run(&options);
        assert_eq!(listing(fetched.snapshot()), whole);
        assert!(fetched.cost().1 > 300_000, "all of it travels again");
        assert_eq!(run(&options).cost().2, 0, "and is kept");
    }
}

#[test]
fn is_made_anew_when_it_holds_many_packs() {
    let repository = grown();
    let server = server(&repository, false);
    let cache = tempfile::tempdir().unwrap();
    let options = cached(&server.url(), "main", cache.path());
    run(&options).snapshot();
    let directory = only_cache(cache.path()).join("objects/pack");
    let files: Vec<PathBuf> = fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let grow = |count: usize| {
        for index in packs(cache.path())..count {
            for file in &files {
                let extension = file.extension().unwrap().to_str().unwrap();
                fs::copy(file, directory.join(format!("pack-{index:040x}.{extension}"))).unwrap();
            }
        }
    };
    grow(50);
    assert_eq!(packs(cache.path()), 50);
    assert_eq!(run(&options).cost().2, 0, "fifty packs are kept");
    grow(51);
    assert!(
        run(&options).cost().1 > 300_000,
        "one more, and all of it travels again"
    );
    assert_eq!(packs(cache.path()), 1);
}

#[test]
fn is_private() {
    let repository = Repository::sample();
    let server = server(&repository, false);
    let cache = tempfile::tempdir().unwrap();
    let base = cache.path().join("new");
    run(&cached(&server.url(), "main", &base)).snapshot();
    for directory in [base.clone(), base.join("git"), only_cache(&base)] {
        assert_eq!(
            fs::metadata(&directory).unwrap().permissions().mode() & 0o777,
            0o700,
            "{}",
            directory.display()
        );
    }
}

#[test]
fn two_fetches_take_turns() {
    let repository = grown();
    let server = server(&repository, false);
    let cache = tempfile::tempdir().unwrap();
    let options = cached(&server.url(), "main", cache.path());
    let costs: Vec<u64> = std::thread::scope(|scope| {
        let fetches: Vec<_> = (0..4).map(|_| scope.spawn(|| run(&options).cost().2)).collect();
        fetches.into_iter().map(|fetch| fetch.join().unwrap()).collect()
    });
    assert_eq!(
        costs.iter().filter(|objects| **objects > 0).count(),
        1,
        "one transfers, the others find it: {costs:?}"
    );
}

#[test]
fn waits_for_its_lock_only_so_long() {
    let repository = Repository::sample();
    let server = server(&repository, false);
    let cache = tempfile::tempdir().unwrap();
    let timeouts = Timeouts {
        cache: Duration::from_millis(100),
        ..Timeouts::default()
    };
    let options = SourceOptions {
        timeouts,
        ..cached(&server.url(), "main", cache.path())
    };
    run(&options).snapshot();
    let lock = fs::File::open(only_cache(cache.path()).join("lock")).unwrap();
    lock.lock().unwrap();
    let fetched = run(&options);
    assert!(
        matches!(fetched.error(), SourceError::CacheBusy { .. }),
        "{}",
        fetched.message()
    );
    drop(lock);
    run(&options).snapshot();
}

#[test]
fn a_cache_that_cannot_be_made_is_an_error() {
    let repository = Repository::sample();
    let server = server(&repository, false);
    let cache = tempfile::tempdir().unwrap();
    write_file(&cache.path().join("file"), b"");
    let fetched = run(&cached(&server.url(), "main", &cache.path().join("file")));
    assert!(
        matches!(fetched.error(), SourceError::Cache { .. }),
        "{}",
        fetched.message()
    );
}
