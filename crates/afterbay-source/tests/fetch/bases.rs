//! What a build needs from other machines: only where allowed, only what is pinned, within limits.

use std::sync::Arc;

use afterbay_manifest::{FileTree, Place, RemoteAddress, RemoteEntry, TreePath};
use afterbay_source::{AllowedRemote, RemoteUrl, SourceError, SourceOptions, fetch_bases};

use crate::support::{Answer, Repository, Request, Server, ServerOptions, cached, credentials, options};

const CONTENT: &[u8] = b"a: file\n";

/// `printf 'a: file\n' | sha256sum`
const DIGEST: &str = "60e5cda7cb759fdfa8c32e5b61cffc2dc46060eca6366dee3a7b79e4c13034a3";

fn entry(address: RemoteAddress) -> RemoteEntry {
    RemoteEntry {
        place: Place::of_file(TreePath::parse("app/kustomization.yaml").unwrap()),
        what: "resource",
        entry: "as written".to_owned(),
        address: Ok(address),
    }
}

fn git(server: &Server, commit: &str) -> RemoteAddress {
    RemoteAddress::Git {
        repository: server.url(),
        commit: commit.to_owned(),
    }
}

fn file(server: &Server, path: &str, sha256: &str) -> RemoteAddress {
    RemoteAddress::File {
        url: format!("http://{}/{path}", server.authority()),
        sha256: sha256.to_owned(),
    }
}

/// The options of a revision that allow what is given.
fn allowing(allowed: &[String]) -> SourceOptions {
    let mut options = options("/nowhere", "");
    options.allowed_remotes = allowed
        .iter()
        .map(|text| AllowedRemote::parse(text).unwrap())
        .collect();
    options
}

fn host(server: &Server) -> String {
    format!("http://{}", server.authority())
}

/// Fetches what is not there yet of these.
fn bring(options: &SourceOptions, addresses: &[RemoteAddress]) -> Result<FileTree, SourceError> {
    let missing = |tree: &FileTree| {
        let is_missing = |address: &&RemoteAddress| tree.mount_of(&address.mount().unwrap()).is_none();
        addresses.iter().filter(is_missing).cloned().map(entry).collect()
    };
    run(fetch_bases(FileTree::new(), options, missing))
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(future)
}

fn serving(script: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static) -> (Repository, Server) {
    let repository = Repository::sample();
    let options = ServerOptions {
        script: Some(Arc::new(script)),
        ..ServerOptions::default()
    };
    let server = Server::start(repository.root(), options);
    (repository, server)
}

fn message(outcome: Result<FileTree, SourceError>, server: &Server) -> String {
    let error = outcome.expect_err("refused");
    error.to_string().replace(&server.authority(), "HOST")
}

fn source(tree: &FileTree, path: &str) -> Vec<u8> {
    let (_, file) = tree.file(&TreePath::parse(path).unwrap()).unwrap();
    file.source().to_vec()
}

#[test]
fn a_commit_and_a_file_are_laid_into_the_tree() {
    let (repository, server) = serving(|request| {
        let is_file = request.target == "/v1/x.yaml?raw=1";
        is_file.then(|| Answer::Reply(200, Vec::new(), CONTENT.to_vec()))
    });
    let commit = repository.id("HEAD");
    repository.write("a.yaml", "a: 2\n");
    repository.commit("later");
    let addresses = [git(&server, &commit), file(&server, "v1/x.yaml?raw=1", DIGEST)];
    let tree = bring(&allowing(&[host(&server)]), &addresses).unwrap();
    let authority = server.authority();
    let base = format!("http:/{authority}/repo/.git@{commit}");
    assert_eq!(source(&tree, &format!("{base}/a.yaml")), b"a: 1\n");
    assert_eq!(source(&tree, &format!("{base}/dir/b.yaml")), b"b: 1\n");
    let path = format!("http:/{authority}/v1@sha256:{DIGEST}/x.yaml");
    assert_eq!(source(&tree, &path), CONTENT);
    assert_eq!(tree.mounts().count(), 2);
}

#[test]
fn a_commit_in_the_cache_costs_no_request() {
    let repository = Repository::sample();
    let server = Server::start(repository.root(), ServerOptions::default());
    let cache = tempfile::tempdir().unwrap();
    let mut options = cached("/nowhere", "", cache.path());
    options.allowed_remotes = vec![AllowedRemote::parse(&host(&server)).unwrap()];
    let addresses = [git(&server, &repository.id("HEAD"))];
    bring(&options, &addresses).unwrap();
    assert_eq!(server.take_requests().len(), 2);
    bring(&options, &addresses).unwrap();
    assert_eq!(server.take_requests().len(), 0);
}

#[test]
fn nothing_is_asked_that_the_operator_did_not_name() {
    let repository = Repository::sample();
    let server = Server::start(repository.root(), ServerOptions::default());
    let addresses = [
        git(&server, &repository.id("HEAD")),
        file(&server, "x.yaml", DIGEST),
    ];
    for allowed in [
        vec![],
        vec![format!(
            "http://localhost:{}",
            server.authority().rsplit_once(':').unwrap().1
        )],
        vec![server.authority()],
        vec![format!("{}/other", host(&server))],
    ] {
        let tree = bring(&allowing(&allowed), &addresses).unwrap();
        assert_eq!(tree.entries().count(), 0, "{allowed:?}");
        assert_eq!(server.take_requests().len(), 0, "{allowed:?}");
    }
}

#[test]
fn the_credentials_of_the_revision_go_to_its_server_only() {
    let repository = Repository::sample();
    let locked = ServerOptions {
        login: Some("me:secret".to_owned()),
        ..ServerOptions::default()
    };
    let home = Server::start(repository.root(), locked.clone());
    let other = Server::start(repository.root(), locked);
    let commit = repository.id("HEAD");
    let mut options = allowing(&[host(&home), host(&other)]);
    options.remote = RemoteUrl::parse(&home.url()).unwrap();
    options.credentials = Some(credentials("me", "secret"));
    assert!(bring(&options, &[git(&home, &commit)]).is_ok());
    let refused = message(
        bring(&options, &[git(&other, &commit), file(&other, "x.yaml", DIGEST)]),
        &other,
    );
    insta::assert_snapshot!(refused, @r#"
    app/kustomization.yaml: resource "as written": http://HOST/repo/.git: the server asks for credentials; credentials are sent to the host of --url only: mirror it there, or copy it into the repository
    app/kustomization.yaml: resource "as written": http://HOST/x.yaml: the server asks for credentials; credentials are sent to the host of --url only: mirror it there, or copy it into the repository
    "#);
    assert!(
        other
            .take_requests()
            .iter()
            .all(|request| request.header("authorization").is_none())
    );
    // The same when they stand in the URL.
    let mut options = allowing(&[host(&other)]);
    options.remote = RemoteUrl::parse(&home.url().replace("http://", "http://me:secret@")).unwrap();
    assert!(bring(&options, &[file(&other, "x.yaml", DIGEST)]).is_err());
    assert!(
        other
            .take_requests()
            .iter()
            .all(|request| request.header("authorization").is_none())
    );
}

#[test]
fn a_redirect_leads_only_to_what_the_operator_named() {
    let (_repository, target) = serving(|_| Some(Answer::Reply(200, Vec::new(), CONTENT.to_vec())));
    let there = format!("{}/moved", host(&target));
    let (repository, server) = serving(move |request| {
        let tail = request.target.split_once("/.git").map_or("", |(_, tail)| tail);
        let location = ("Location".to_owned(), format!("{there}{tail}"));
        Some(Answer::Reply(302, vec![location], Vec::new()))
    });
    let addresses = [
        git(&server, &repository.id("HEAD")),
        file(&server, "x.yaml", DIGEST),
    ];
    let refused = message(bring(&allowing(&[host(&server)]), &addresses), &server);
    insta::assert_snapshot!(refused.replace(&target.authority(), "TARGET"), @r#"
    app/kustomization.yaml: resource "as written": http://HOST/repo/.git: the redirect to http://TARGET/moved/info/refs is refused: --allow-remote does not name it; give the address the repository really has
    app/kustomization.yaml: resource "as written": http://HOST/x.yaml: the redirect to http://TARGET/moved is refused: --allow-remote does not name it; give the address the repository really has
    "#);
    assert_eq!(target.take_requests().len(), 0);
    let both = allowing(&[host(&server), host(&target)]);
    assert!(bring(&both, &addresses[1..]).is_ok());
}

/// What a server signs for a redirect opens the file to whoever reads the message.
#[test]
fn what_a_redirect_carries_is_not_shown() {
    let (_repository, server) = serving(|_| {
        let location = "http://127.0.0.1:1/x.yaml?signature=secret".to_owned();
        Some(Answer::Reply(
            302,
            vec![("Location".to_owned(), location)],
            Vec::new(),
        ))
    });
    let both = allowing(&[host(&server), "http://127.0.0.1:1".to_owned()]);
    let refused = message(
        bring(&both, &[file(&server, "x.yaml?token=secret", DIGEST)]),
        &server,
    );
    assert!(
        refused.contains("http://127.0.0.1:1/x.yaml: the server cannot be reached"),
        "{refused}"
    );
    assert!(!refused.contains("secret"), "{refused}");
    let (_repository, server) = serving(|_| Some(Answer::Reply(403, Vec::new(), Vec::new())));
    let allowed = allowing(&[host(&server)]);
    let refused = message(
        bring(&allowed, &[file(&server, "x.yaml?token=secret", DIGEST)]),
        &server,
    );
    assert!(
        refused.contains("http://HOST/x.yaml: the server denies access"),
        "{refused}"
    );
    assert!(!refused.contains("secret"), "{refused}");
}

#[test]
fn what_is_not_as_pinned_or_too_large_is_refused() {
    let (repository, server) = serving(|request| match request.target.as_str() {
        "/x.yaml" => Some(Answer::Reply(200, Vec::new(), b"a: other\n".to_vec())),
        "/large.yaml" => Some(Answer::Reply(200, Vec::new(), vec![b'x'; 2000])),
        "/gone.yaml" => Some(Answer::Reply(404, Vec::new(), Vec::new())),
        _ => None,
    });
    let mut options = allowing(&[host(&server)]);
    options.limits.file_bytes = 1000;
    let addresses = [
        file(&server, "x.yaml", DIGEST),
        file(&server, "large.yaml", DIGEST),
        file(&server, "gone.yaml", DIGEST),
        git(&server, &"0".repeat(40)),
    ];
    insta::assert_snapshot!(message(bring(&options, &addresses), &server), @r#"
    app/kustomization.yaml: resource "as written": http://HOST/x.yaml: the file has the digest sha256:a2150e7b40271f5c135821caa30dd2fdb682aa4c22cb02411718e9c8e0bcee3e, and the entry wants sha256:60e5cda7cb759fdfa8c32e5b61cffc2dc46060eca6366dee3a7b79e4c13034a3; see what changed; if it is as it should be, correct the digest in the entry
    app/kustomization.yaml: resource "as written": http://HOST/large.yaml: the file has more than 1000 bytes; if it is the right file, raise the limit (--max-file-size)
    app/kustomization.yaml: resource "as written": http://HOST/gone.yaml: the server answers with http 404; check the address
    app/kustomization.yaml: resource "as written": http://HOST/repo/.git: the server does not serve commit 0000000000000000000000000000000000000000: upload-pack: not our ref 0000000000000000000000000000000000000000; check the id, and that the server serves it: it may have been rewritten away by a force-push
    "#);
    let good = git(&server, &repository.id("HEAD"));
    options.limits.tree_bytes = 9;
    insta::assert_snapshot!(message(bring(&options, std::slice::from_ref(&good)), &server), @r#"
    app/kustomization.yaml: resource "as written": http://HOST/repo/.git: the tree of 8019cb0e1a48ec849cbefb85f33966794819152a is refused:
      dir/b.yaml: with this file the tree has more than 9 bytes; change the repository, or raise the limit (--max-tree-size)
    "#);
    // Alone each would do.
    options.limits.tree_bytes = 12;
    repository.write("a.yaml", "a: 2\n");
    let later = git(&server, &repository.commit("later"));
    assert!(bring(&options, std::slice::from_ref(&later)).is_ok());
    insta::assert_snapshot!(message(bring(&options, &[good, later]), &server), @r#"app/kustomization.yaml: resource "as written": with what is fetched for it the revision has more than 100000 files or 12 bytes; copy what is needed into the repository, or raise the limit (--max-files, --max-tree-size)"#);
}

#[test]
fn what_never_ends_is_cut_off() {
    let (_repository, server) = serving(|_| Some(Answer::Reply(200, Vec::new(), CONTENT.to_vec())));
    let options = allowing(&[host(&server)]);
    let more = |tree: &FileTree| {
        let next = format!("{}/x.yaml", tree.mounts().count());
        vec![entry(file(&server, &next, DIGEST))]
    };
    let deep = run(fetch_bases(FileTree::new(), &options, more));
    insta::assert_snapshot!(message(deep, &server), @r"remote bases that list remote bases are nested more than 8 deep, which is the limit");
    let many = |_: &FileTree| {
        (0..65)
            .map(|number| entry(file(&server, &format!("{number}/x"), DIGEST)))
            .collect()
    };
    let many = run(fetch_bases(FileTree::new(), &options, many));
    insta::assert_snapshot!(message(many, &server), @r"the build needs more than 64 remote repositories and files, which is the limit");
}

/// A revision that holds what would be laid in is not overwritten, and not taken for it.
#[test]
fn nothing_takes_the_place_of_what_is_fetched() {
    let repository = Repository::sample();
    let server = Server::start(repository.root(), ServerOptions::default());
    let address = git(&server, &repository.id("HEAD"));
    let mut tree = FileTree::new();
    let planted = address.mount().unwrap().join("a.yaml").unwrap();
    tree.insert_file(planted, b"planted".to_vec(), false);
    let missing = |_: &FileTree| vec![entry(address.clone())];
    let refused = run(fetch_bases(tree, &allowing(&[host(&server)]), missing));
    let refused = message(refused, &server).replace(&repository.id("HEAD"), "COMMIT");
    insta::assert_snapshot!(refused, @r#"app/kustomization.yaml: resource "as written": http:/HOST/repo/.git@COMMIT: is in this revision, where what is fetched for a remote entry would stand; rename it"#);
}
