//! Paths, links and listings.

use super::{Entry, FileTree, TreeError, TreePath};
use crate::yaml::Table;
use crate::{KeyPath, Provenance, Sealed, SecretBytes, yaml};

fn path(text: &str) -> TreePath {
    TreePath::parse(text).unwrap()
}

fn tree(files: &[&str]) -> FileTree {
    let mut tree = FileTree::new();
    for file in files {
        tree.insert_file(path(file), file.as_bytes().to_vec(), false);
    }
    tree
}

#[test]
fn paths_are_normalized_and_stay_inside() {
    assert_eq!(path("a/./b//c/../d").as_str(), "a/b/d");
    assert_eq!(path("/apps/").as_str(), "apps");
    assert!(path(".").is_root());
    assert_eq!(
        path("apps").join("../base/x.yaml").unwrap().as_str(),
        "base/x.yaml"
    );
    for outside in ["..", "a/../..", "/../x"] {
        assert!(
            matches!(TreePath::parse(outside), Err(TreeError::LeavesTree { .. })),
            "{outside}"
        );
    }
    for refused in ["/etc/passwd", "a\0b", "../../x"] {
        assert!(
            matches!(path("apps").join(refused), Err(TreeError::LeavesTree { .. })),
            "{refused}"
        );
    }
    insta::assert_snapshot!(path("apps").join("../../x").unwrap_err(), @r#"path "../../x" seen from apps leaves the tree; use a path inside the repository"#);
}

#[test]
fn paths_know_their_parts() {
    let file = path("apps/db/secret.enc.yaml");
    assert_eq!(
        (file.parent().as_str(), file.file_name(), file.extension()),
        ("apps/db", "secret.enc.yaml", Some("yaml"))
    );
    assert_eq!(path(".sops").extension(), None);
    assert_eq!(path("Makefile").extension(), None);
    assert_eq!(TreePath::root().parent(), TreePath::root());
    assert_eq!(TreePath::root().to_string(), ".");
}

#[test]
fn names_are_those_of_one_directory_in_byte_order() {
    let tree = tree(&["a-b", "a/f", "a/g/h", "a0", "b", "a/g0", "z/y/x"]);
    assert_eq!(
        tree.names(&TreePath::root()).unwrap(),
        ["a", "a-b", "a0", "b", "z"]
    );
    assert_eq!(tree.names(&path("a")).unwrap(), ["f", "g", "g0"]);
    assert_eq!(tree.names(&path("z/y")).unwrap(), ["x"]);
    assert_eq!(tree.names(&path("b")), Err(TreeError::IsFile { path: path("b") }));
    assert_eq!(
        tree.names(&path("none")),
        Err(TreeError::NotFound { path: path("none") })
    );
    assert_eq!(
        FileTree::new().names(&TreePath::root()).unwrap(),
        Vec::<String>::new()
    );
}

#[test]
fn listing_one_directory_does_not_walk_the_others() {
    let mut tree = FileTree::new();
    for number in 0..20_000 {
        tree.insert_file(path(&format!("big/d{number}/file")), Vec::new(), false);
    }
    tree.insert_file(path("small/file"), Vec::new(), false);
    let started = std::time::Instant::now();
    for _ in 0..2_000 {
        assert_eq!(tree.names(&path("small")).unwrap(), ["file"]);
        assert_eq!(tree.names(&TreePath::root()).unwrap(), ["big", "small"]);
    }
    // Walking all of it would be 80 million steps.
    assert!(
        started.elapsed() < std::time::Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn links_are_followed_everywhere_on_the_way() {
    let mut tree = tree(&["base/x.yaml", "other/y.yaml"]);
    tree.insert_link(path("apps/base"), "../base");
    tree.insert_link(path("deep/link"), "../apps/base/x.yaml");
    tree.insert_link(path("base/more"), "../other");
    let (real, file) = tree.file(&path("deep/link")).unwrap();
    assert_eq!(
        (real.as_str(), file.source()),
        ("base/x.yaml", b"base/x.yaml".as_slice())
    );
    assert_eq!(
        tree.file(&path("apps/base/more/y.yaml")).unwrap().0.as_str(),
        "other/y.yaml"
    );
    assert_eq!(tree.directory(&path("apps/base")).unwrap().as_str(), "base");
    assert_eq!(tree.names(&path("apps/base")).unwrap(), ["more", "x.yaml"]);
    assert!(tree.exists(&path("apps/base/x.yaml")) && !tree.exists(&path("apps/base/z")));
}

#[test]
fn links_that_lead_nowhere_or_outside_are_errors() {
    let mut tree = tree(&["a/f"]);
    tree.insert_link(path("a/loop"), "loop2");
    tree.insert_link(path("a/loop2"), "loop");
    tree.insert_link(path("a/out"), "../../etc/passwd");
    tree.insert_link(path("a/abs"), "/etc/passwd");
    tree.insert_link(path("a/gone"), "none");
    assert!(matches!(
        tree.file(&path("a/loop")),
        Err(TreeError::LinkLoop { .. })
    ));
    assert!(matches!(
        tree.file(&path("a/out")),
        Err(TreeError::LeavesTree { .. })
    ));
    assert!(matches!(
        tree.directory(&path("a/abs/x")),
        Err(TreeError::LeavesTree { .. })
    ));
    assert!(matches!(
        tree.file(&path("a/gone")),
        Err(TreeError::NotFound { .. })
    ));
    let escaping: Vec<String> = tree
        .escaping_links()
        .iter()
        .map(|(link, target)| format!("{link} -> {target}"))
        .collect();
    assert_eq!(escaping, ["a/abs -> /etc/passwd", "a/out -> ../../etc/passwd"]);
}

#[test]
fn kinds_are_told_apart() {
    let mut tree = tree(&["a/f"]);
    tree.insert_submodule(path("sub"), "0123");
    assert!(matches!(
        tree.file(&path("a")),
        Err(TreeError::IsDirectory { .. })
    ));
    assert!(matches!(
        tree.directory(&path("a/f")),
        Err(TreeError::IsFile { .. })
    ));
    assert!(matches!(
        tree.file(&path("sub")),
        Err(TreeError::Submodule { .. })
    ));
    assert!(matches!(
        tree.directory(&path("sub")),
        Err(TreeError::Submodule { .. })
    ));
    let kinds: Vec<bool> = tree
        .entries()
        .map(|(_, entry)| matches!(entry, Entry::Submodule(_)))
        .collect();
    assert_eq!(kinds, [false, true]);
}

#[test]
fn what_is_laid_over_is_read_instead() {
    let mut tree = tree(&["s.yaml"]);
    let origin = Sealed::Ciphertext {
        file: path("s.yaml"),
        document: 0,
        path: KeyPath::of_keys(["k"]),
        integrity: crate::Integrity::Verified,
    };
    let documents = yaml::parse(b"k: opened\n").unwrap();
    let provenance = Provenance::sealed(origin);
    tree.lay_over(
        &path("s.yaml"),
        SecretBytes::new(b"k: opened\n".to_vec()),
        documents,
        provenance.clone(),
    )
    .unwrap();
    let (_, file) = tree.file(&path("s.yaml")).unwrap();
    assert!(file.is_opened());
    assert_eq!(file.source(), b"s.yaml");
    assert_eq!(file.expose_content(), (b"k: opened\n".as_slice(), provenance));
    let root = file.documents().unwrap()[0]
        .resolve(Table::Kustomize)
        .unwrap()
        .unwrap();
    assert_eq!(root.get("k").unwrap().as_plain_str(), Some("opened"));
    assert!(!format!("{file:?}").contains("k: opened"));
    let missing = tree.lay_over(
        &path("none"),
        SecretBytes::new(Vec::new()),
        Vec::new(),
        Provenance::PLAIN,
    );
    assert!(matches!(missing, Err(TreeError::NotFound { .. })));
}

#[test]
fn what_is_laid_in_stands_by_itself() {
    let mut tree = tree(&["app/cm.yaml", "https:/host/planted@1/x.yaml"]);
    let mut base = self::tree(&["base/x.yaml", "other/y.yaml"]);
    base.insert_link(path("base/up"), "../../../../app");
    base.insert_link(path("base/self"), "../other/y.yaml");
    tree.mount(&path("https:/host/repo@1"), base).unwrap();
    let at = path("https:/host/repo@1/base");
    assert_eq!(
        tree.mount_of(&at).map(TreePath::as_str),
        Some("https:/host/repo@1")
    );
    assert_eq!(tree.mount_of(&path("https:/host/planted@1/x.yaml")), None);
    for inside in ["x.yaml", "../other/y.yaml", "self"] {
        assert!(tree.file_from(&at, inside).is_ok(), "{inside}");
    }
    for outside in ["../../../../app/cm.yaml", "up/cm.yaml", "../../planted@1/x.yaml"] {
        let refused = tree.file_from(&at, outside).unwrap_err();
        assert!(
            matches!(refused, TreeError::LeavesFetched { .. }),
            "{outside}: {refused}"
        );
    }
    for outside in ["../../..", "../../../../app", "up"] {
        let refused = tree.directory_from(&at, outside).unwrap_err();
        assert!(
            matches!(refused, TreeError::LeavesFetched { .. }),
            "{outside}: {refused}"
        );
    }
    let into = tree.file_from(&path("app"), "../https:/host/repo@1/base/x.yaml");
    insta::assert_snapshot!(into.unwrap_err(), @r#"path "../https:/host/repo@1/base/x.yaml" leads into what is fetched for another entry; list the address itself"#);
}

#[test]
fn nothing_is_laid_over_a_revision() {
    let mut tree = tree(&["https:/host/repo@1/x.yaml", "file"]);
    tree.insert_link(path("link"), "https:");
    for at in [
        "https:/host/repo@1",
        "https:/host",
        "file/repo",
        "link/host/repo@2",
        ".",
    ] {
        let refused = tree.mount(&path(at), self::tree(&["y.yaml"])).unwrap_err();
        assert!(matches!(refused, TreeError::Occupied { .. }), "{at}");
    }
    tree.mount(&path("https:/host/repo@2"), FileTree::new()).unwrap();
    assert!(tree.directory(&path("https:/host/repo@2")).is_ok());
    assert_eq!(tree.mounts().count(), 1);
}
