//! How much is accepted, and what is refused in a tree.

use std::fmt::Write as _;
use std::sync::Arc;

use afterbay_source::{Limits, SourceError, SourceOptions};

use crate::support::{
    Answer, Repository, Request, Server, ServerOptions, cached, listing, noise, options, respond, run,
};

fn limited(remote: &str, limits: Limits) -> SourceOptions {
    SourceOptions {
        limits,
        ..options(remote, "main")
    }
}

/// The error without the folder and the commit.
fn place(message: &str, repository: &Repository) -> String {
    message
        .replace(repository.root().to_str().unwrap(), "/srv")
        .replace(&repository.id("main"), "COMMIT")
}

#[test]
fn names_every_file_that_is_too_large() {
    let repository = Repository::sample();
    repository.write("large.bin", vec![0; 8 * 1024 * 1024 + 1]);
    repository.write("deep/larger.bin", vec![0; 10_000_000]);
    repository.write("fits.bin", vec![0; 8 * 1024 * 1024]);
    repository.commit("large");
    let local = run(&options(&repository.url(), "main"));
    insta::assert_snapshot!(place(&local.message(), &repository), @"
    /srv/repo: the tree of COMMIT is refused:
      deep/larger.bin: the file has 10000000 bytes, and at most 8388608 are accepted
      large.bin: the file has 8388609 bytes, and at most 8388608 are accepted
    hint: change the repository, or raise the limit (--max-file-size)
    ");
    let server = Server::start(repository.root(), ServerOptions::default());
    let remote = run(&options(&server.url(), "main"));
    assert_eq!(remote.message().lines().nth(1), local.message().lines().nth(1));
}

#[test]
fn counts_entries_and_bytes() {
    let repository = Repository::sample();
    repository.write("c.yaml", "c: 1\n");
    repository.commit("more");
    // Three files and one directory of five bytes each.
    run(&limited(
        &repository.url(),
        Limits {
            entries: 4,
            tree_bytes: 15,
            ..Limits::default()
        },
    ))
    .snapshot();
    let few = run(&limited(
        &repository.url(),
        Limits {
            entries: 3,
            ..Limits::default()
        },
    ));
    insta::assert_snapshot!(place(&few.message(), &repository), @"
    /srv/repo: the tree of COMMIT is refused:
      dir/b.yaml: with this entry the tree has more than 3 files and directories
    hint: change the repository, or raise the limit (--max-files)
    ");
    let small = run(&limited(
        &repository.url(),
        Limits {
            tree_bytes: 14,
            ..Limits::default()
        },
    ));
    insta::assert_snapshot!(place(&small.message(), &repository), @"
    /srv/repo: the tree of COMMIT is refused:
      dir/b.yaml: with this file the tree has more than 14 bytes
    hint: change the repository, or raise the limit (--max-tree-size)
    ");
}

#[test]
fn a_tree_of_trees_ends_at_the_limit() {
    let repository = Repository::sample();
    let blob = repository.id("HEAD:a.yaml");
    let mut tree = repository.raw_tree(&[("100644", b"a.yaml", &blob)]);
    for _ in 0..20 {
        let names: Vec<String> = (0..10).map(|index| format!("d{index}")).collect();
        let entries: Vec<(&str, &[u8], &str)> = names
            .iter()
            .map(|name| ("40000", name.as_bytes(), tree.as_str()))
            .collect();
        tree = repository.raw_tree(&entries);
    }
    repository.commit_tree(&tree);
    let fetched = run(&options(&repository.url(), "main"));
    assert!(
        fetched
            .message()
            .contains("more than 100000 files and directories"),
        "{}",
        fetched.message()
    );
}

#[test]
fn paths_have_an_end() {
    let repository = Repository::sample();
    repository.write(&format!("{}x", "d/".repeat(20)), "x");
    repository.write(&"n".repeat(200), "x");
    repository.commit("long");
    let limits = Limits {
        path_depth: 10,
        path_bytes: 100,
        ..Limits::default()
    };
    let fetched = run(&limited(&repository.url(), limits));
    insta::assert_snapshot!(place(&fetched.message(), &repository), @"
    /srv/repo: the tree of COMMIT is refused:
      d/d/d/d/d/d/d/d/d/d/d: directories are nested more than 10 deep
      nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn…: the path is longer than 100 bytes
    hint: change the repository
    ");
}

#[test]
fn links_out_of_the_tree_are_refused() {
    let repository = Repository::sample();
    let links = [
        ("abs", "/etc/passwd"),
        ("dir/up", "../../x"),
        ("dir/fine", "../a.yaml"),
        ("dangling", "nothing"),
    ];
    for (path, target) in links {
        std::os::unix::fs::symlink(target, repository.path().join(path)).unwrap();
    }
    repository.commit("links");
    let server = Server::start(repository.root(), ServerOptions::default());
    for remote in [repository.url(), server.url()] {
        let fetched = run(&options(&remote, "main"));
        insta::allow_duplicates! {
            insta::assert_snapshot!(place(&fetched.message(), &repository).replace(&remote, "/srv/repo"), @r#"
            /srv/repo: the tree of COMMIT is refused:
              abs: the symbolic link to "/etc/passwd" leaves the tree
              dir/up: the symbolic link to "../../x" leaves the tree
            hint: change the repository
            "#);
        }
    }
}

#[test]
fn names_that_are_dangerous_are_refused() {
    let repository = Repository::sample();
    let blob = repository.id("HEAD:a.yaml");
    let sub = repository.raw_tree(&[("100644", b"config", &blob)]);
    let target = repository.git_with_input(&["hash-object", "-w", "--stdin"], &[b'x'; 5000]);
    let tree = repository.raw_tree(&[
        ("100644", b"..", &blob),
        ("40000", b".GIT", &sub),
        ("100644", b"a\x1b[31m", &blob),
        ("100644", b"a/b", &blob),
        ("100644", b"caf\xe9", &blob),
        ("120000", b"link", &target),
        ("100644", b"twice", &blob),
        ("100644", b"twice", &blob),
    ]);
    repository.commit_tree(&tree);
    let fetched = run(&options(&repository.url(), "main"));
    insta::assert_snapshot!(place(&fetched.message(), &repository), @r"
    /srv/repo: the tree of COMMIT is refused:
      ..: the name is not allowed: it is a step, not a name
      .GIT: the name is not allowed: it would be taken for a repository
      a/b: the name is not allowed: it holds a separator
      a\u{1b}[31m: the name is not allowed: it holds a control character
      caf�: the name is not allowed: it is not UTF-8
      link: the target of the symbolic link is not a path
      twice: the name is not allowed: it is there twice
    hint: change the repository
    ");
}

#[test]
fn what_a_server_sends_is_bounded() {
    let repository = Repository::empty();
    repository.write("noise.bin", noise(0, 400_000));
    repository.commit("noise");
    let server = Server::start(repository.root(), ServerOptions::default());
    let cache = tempfile::tempdir().unwrap();
    let limits = Limits {
        received_bytes: 1000,
        ..Limits::default()
    };
    let fetched = run(&SourceOptions {
        limits,
        ..cached(&server.url(), "main", cache.path())
    });
    assert!(
        matches!(fetched.error(), SourceError::ReceivedTooMuch { limit: 1000, .. }),
        "{}",
        fetched.message()
    );
    // The advertisement counts as well: a server may have a million refs.
    let limits = Limits {
        received_bytes: 50,
        ..Limits::default()
    };
    let fetched = run(&limited(&server.url(), limits));
    assert!(
        matches!(fetched.error(), SourceError::ReceivedTooMuch { limit: 50, .. }),
        "{}",
        fetched.message()
    );
    run(&cached(&server.url(), "main", cache.path())).snapshot();
}

#[test]
fn what_it_inflates_to_is_bounded() {
    // Forty files of one character each: 12 MB in some 20 kB.
    let zeros = Repository::empty();
    for index in 0..40 {
        zeros.write(&format!("{index}"), vec![b'0' + index; 300_000]);
    }
    zeros.commit("zeros");
    // Forty files that are deltas of one another: 12 MB in 0.3 MB.
    let deltas = Repository::empty();
    let base = noise(0, 300_000);
    for index in 0..40 {
        let mut file = base.clone();
        file[150_000] = index;
        deltas.write(&format!("{index}"), file);
    }
    deltas.commit("deltas");
    deltas.git(&["repack", "-q", "-a", "-d", "--depth=4095"]);
    for repository in [zeros, deltas] {
        let server = Server::start(repository.root(), ServerOptions::default());
        let cache = tempfile::tempdir().unwrap();
        let options = cached(&server.url(), "main", cache.path());
        let limits = Limits {
            inflated_bytes: 9_000_000,
            ..Limits::default()
        };
        let fetched = run(&SourceOptions {
            limits,
            ..options.clone()
        });
        assert!(
            matches!(fetched.error(), SourceError::InflatedTooMuch { .. }),
            "{}",
            fetched.message()
        );
        assert!(packs(cache.path()).is_empty(), "{}", packs(cache.path()));
        let whole = run(&options);
        assert_eq!(listing(whole.snapshot()).lines().count(), 40);
    }
}

/// A server that sends the beginning of a pack and then nothing, so that only what stands there can be judged.
fn stalling(repository: &Repository, part: fn(usize) -> usize) -> Server {
    let root = repository.root().to_owned();
    let script = move |request: &Request| {
        if !String::from_utf8_lossy(&request.body).contains("command=fetch") {
            return None;
        }
        match respond(request, &root) {
            Answer::Reply(_, _, body) => Some(Answer::Stall(
                "application/x-git-upload-pack-result",
                beginning(&body, part),
            )),
            other => Some(other),
        }
    };
    Server::start(
        repository.root(),
        ServerOptions {
            script: Some(Arc::new(script)),
            ..ServerOptions::default()
        },
    )
}

/// Cuts the pack of an answer off, and puts what is left of it into one line (gitprotocol-common(5)).
fn beginning(mut body: &[u8], part: fn(usize) -> usize) -> Vec<u8> {
    let (mut head, mut pack) = (Vec::new(), Vec::new());
    while let Some((length, _)) = body.split_at_checked(4) {
        let length = usize::from_str_radix(std::str::from_utf8(length).unwrap(), 16).unwrap();
        let (line, rest) = body.split_at(length.max(4));
        match line.get(4) {
            // Band 1 is the pack.
            Some(1) => pack.extend_from_slice(&line[5..]),
            _ if pack.is_empty() => head.extend_from_slice(line),
            _ => {}
        }
        body = rest;
    }
    pack.truncate(part(pack.len()));
    head.extend_from_slice(format!("{:04x}\u{1}", pack.len() + 5).as_bytes());
    [head, pack].concat()
}

#[test]
fn what_is_too_much_is_refused_at_its_header() {
    // 60 MB in 60 kB; what is sent of it are its first bytes.
    let giant = Repository::empty();
    giant.write("giant", vec![b'x'; 60_000_000]);
    giant.commit("giant");
    // 12 MB in 20 kB, of which the first half is more than the limit.
    let many = Repository::empty();
    for index in 0..40 {
        many.write(&format!("{index}"), vec![b'0' + index; 300_000]);
    }
    many.commit("many");
    let servers = [
        stalling(&giant, |length| length / 20),
        stalling(&many, |length| length / 2),
    ];
    for server in servers {
        let cache = tempfile::tempdir().unwrap();
        let limits = Limits {
            inflated_bytes: 3_000_000,
            ..Limits::default()
        };
        let fetched = run(&SourceOptions {
            limits,
            ..cached(&server.url(), "main", cache.path())
        });
        insta::allow_duplicates! {
            insta::assert_snapshot!(fetched.message().replace(&server.authority(), "HOST"), @"
            http://HOST/repo/.git: the objects the server sends inflate to more than 3000000 bytes
            hint: if the repository is trusted, raise the limit (--max-inflated-size)
            ");
        }
        assert_eq!(packs(cache.path()), "", "something is kept");
    }
}

/// The pack files below a cache directory, one a line.
fn packs(cache: &std::path::Path) -> String {
    let mut names = String::new();
    for directory in std::fs::read_dir(cache.join("git")).unwrap().flatten() {
        for entry in std::fs::read_dir(directory.path().join("objects/pack"))
            .unwrap()
            .flatten()
        {
            writeln!(names, "{}", entry.path().display()).unwrap();
        }
    }
    names
}

#[test]
fn one_object_is_bounded_before_it_is_allocated() {
    let repository = Repository::empty();
    repository.write("huge.bin", vec![0; 80_000_000]);
    repository.commit("huge");
    let server = Server::start(repository.root(), ServerOptions::default());
    let fetched = run(&options(&server.url(), "main"));
    insta::assert_snapshot!(fetched.message().replace(&server.authority(), "HOST"), @"
    http://HOST/repo/.git: an object the server sends inflates to more than 67108864 bytes
    hint: it is most likely a file: take it out of the repository, or raise the limit (--max-file-size)
    ");
}

#[test]
fn a_fifty_thousand_line_file_is_fine() {
    let repository = Repository::sample();
    let lines = "key: [a, b, c]\n".repeat(50_000);
    repository.write("long.yaml", &lines);
    repository.commit("long");
    let fetched = run(&options(&repository.url(), "main"));
    assert_eq!(crate::support::text(fetched.snapshot(), "long.yaml"), lines);
}

/// Run by hand: `cargo test -p afterbay-source --release --test fetch -- --ignored --nocapture fifty_thousand_files`.
#[test]
#[ignore = "a measurement: takes half a minute to make its repository"]
fn fifty_thousand_files() {
    let repository = Repository::empty();
    for index in 0..50_000 {
        repository.write(
            &format!("{}/{}/{index}.yaml", index % 40, index % 1000),
            format!("value: {index}\n").repeat(60),
        );
    }
    repository.commit("many");
    repository.git(&["repack", "-q", "-a", "-d"]);
    let server = Server::start(repository.root(), ServerOptions::default());
    let cache = tempfile::tempdir().unwrap();
    for remote in [repository.url(), server.url(), server.url()] {
        let start = std::time::Instant::now();
        let fetched = run(&cached(&remote, "main", cache.path()));
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let peak = status
            .lines()
            .find(|line| line.starts_with("VmHWM"))
            .unwrap_or_default();
        println!("{:?}, {:?}, {peak}", start.elapsed(), fetched.cost());
        assert_eq!(fetched.snapshot().tree.entries().count(), 50_000);
    }
}
