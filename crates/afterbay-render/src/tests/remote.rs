//! What is on other machines: named, refused, and built once it is laid into the tree.

use afterbay_manifest::{FileTree, RemoteAddress, TreePath};
use insta::assert_snapshot;

use super::{lines, listing, refusal, tree};
use crate::{RenderErrors, remote_entries, render};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const DIGEST: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const CONFIG_MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: cm\n";
const OTHER: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: other\n";

fn path(text: &str) -> TreePath {
    TreePath::parse(text).unwrap()
}

fn built(tree: &FileTree) -> Result<String, RenderErrors> {
    render(tree, &path("app"), afterbay_manifest::Revision::UNKNOWN).map(|set| listing(&set))
}

/// A tree whose `app` lists one repository, and that repository.
fn with_base(entry: &str, base: &[(&str, &str)]) -> FileTree {
    let mut all = tree(&[
        (
            "app/kustomization.yaml",
            &format!("resources:\n- {entry}?ref={COMMIT}\n"),
        ),
        ("app/own.yaml", CONFIG_MAP),
    ]);
    let at = path(&format!("https:/git.example.com/team/bases@{COMMIT}"));
    all.mount(&at, tree(base)).unwrap();
    all
}

#[test]
fn addresses_say_what_to_fetch() {
    let file = |address: &str| format!("https://files.example.com/{address}");
    let entries = [
        format!("https://git.example.com/team/bases?ref={COMMIT}"),
        format!("https://git.example.com/team/bases//app/prod/?ref={COMMIT}&timeout=90s"),
        format!(
            "HTTPS://git.example.com/team/bases/app?version={}",
            COMMIT.to_uppercase()
        ),
        format!("https://git.example.com/a/b/c/bases.git/app?submodules=false&ref={COMMIT}"),
        format!("https://dev.example.com/org/project/_git/bases/app?ref={COMMIT}"),
        format!("github.com/org/repo//deploy?ref={COMMIT}"),
        format!("http://GitHub.com/org/repo?ref={COMMIT}"),
        format!("git::https://git.example.com/team/bases?ref={COMMIT}"),
        file(&format!("v1/crds.yaml?checksum=sha256:{DIGEST}")),
        file(&format!(
            "crds.yaml?raw=1&checksum=sha256:{}",
            DIGEST.to_uppercase()
        )),
    ];
    let text = entries.map(|entry| format!("- {entry}\n")).concat();
    let tree = tree(&[("kustomization.yaml", &format!("resources:\n{text}"))]);
    let named = remote_entries(&tree, &TreePath::root(), &crate::Specification::default());
    assert_snapshot!(lines(named.iter().map(|entry| match entry.address.as_ref().unwrap() {
        RemoteAddress::Git { repository, commit } => format!("{} {repository} {}", entry.place, commit == COMMIT),
        RemoteAddress::File { url, sha256 } => format!("{} {url} {}", entry.place, sha256 == DIGEST),
    })), @r"
    kustomization.yaml:2:3 https://git.example.com/team/bases true
    kustomization.yaml:3:3 https://git.example.com/team/bases true
    kustomization.yaml:4:3 https://git.example.com/team/bases true
    kustomization.yaml:5:3 https://git.example.com/a/b/c/bases.git true
    kustomization.yaml:6:3 https://dev.example.com/org/project/_git/bases true
    kustomization.yaml:7:3 https://github.com/org/repo true
    kustomization.yaml:8:3 https://github.com/org/repo true
    kustomization.yaml:9:3 https://git.example.com/team/bases true
    kustomization.yaml:10:3 https://files.example.com/v1/crds.yaml true
    kustomization.yaml:11:3 https://files.example.com/crds.yaml?raw=1 true
    ");
}

#[test]
fn what_is_not_pinned_or_not_reached_by_https_is_never_fetched() {
    let short = &COMMIT[..39];
    let entries = [
        "https://git.example.com/team/bases?ref=main".to_owned(),
        format!("https://git.example.com/team/bases?ref={short}"),
        "https://files.example.com/crds.yaml".to_owned(),
        format!("https://files.example.com/crds.yaml?checksum=md5:{DIGEST}"),
        format!("https://files.example.com/crds.yaml?checksum=sha256:{short}"),
        format!("https://me:token@git.example.com/team/bases?ref={COMMIT}"),
        format!("https://git.example.com/team/../bases?ref={COMMIT}"),
        format!("https://git.example.com/team/bases//../x?ref={COMMIT}"),
        format!("https://git.example.com/bases?ref={COMMIT}"),
        format!("https://git.example.com/team/bases?ref={COMMIT}&depth=2"),
        format!("https://files.example.com/a//b.yaml?checksum=sha256:{DIGEST}"),
        format!("https://files.example.com/?checksum=sha256:{DIGEST}"),
        format!("ssh://git@git.example.com/team/bases?ref={COMMIT}"),
        format!("git@github.com:org/repo?ref={COMMIT}"),
        format!("file:///srv/git/bases?ref={COMMIT}"),
        format!("github.com:org/repo?ref={COMMIT}"),
    ];
    let text = entries.map(|entry| format!("- {entry:?}\n")).concat();
    let kustomization = format!("resources:\n{text}");
    let tree = tree(&[("kustomization.yaml", &kustomization)]);
    assert!(remote_entries(&tree, &TreePath::root(), &crate::Specification::default()).is_empty());
    assert_snapshot!(refusal(&[("kustomization.yaml", &kustomization)], ""), @r#"
    the build needs what is on other machines; copy it into the repository, or have it fetched by `afterbay apply` or `afterbay fetch`:
      kustomization.yaml:2:3: resource "https://git.example.com/team/bases?ref=main" is not pinned; end the address of a repository with ?ref= and a full commit id, 40 digits
      kustomization.yaml:3:3: resource "https://git.example.com/team/bases?ref=0123456789abcdef0123456789abcdef0123456" is not pinned; end the address of a repository with ?ref= and a full commit id, 40 digits
      kustomization.yaml:4:3: resource "https://files.example.com/crds.yaml" is not pinned; end the address of a file with ?checksum=sha256: and its digest, and the address of a repository with ?ref= and a full commit id
      kustomization.yaml:5:3: resource "https://files.example.com/crds.yaml?checksum=md5:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff" has a checksum that is not sha256: and 64 hexadecimal digits; correct it
      kustomization.yaml:6:3: resource "https://files.example.com/crds.yaml?checksum=sha256:0123456789abcdef0123456789abcdef0123456" has a checksum that is not sha256: and 64 hexadecimal digits; correct it
      kustomization.yaml:7:3: resource "https://git.example.com/team/bases?ref=0123456789abcdef0123456789abcdef01234567" holds credentials, which do not belong into a repository; take them out
      kustomization.yaml:8:3: resource "https://git.example.com/team/../bases?ref=0123456789abcdef0123456789abcdef01234567" names nothing, or has a path with a step that is empty or made of dots; write the address out
      kustomization.yaml:9:3: resource "https://git.example.com/team/bases//../x?ref=0123456789abcdef0123456789abcdef01234567" names nothing, or has a path with a step that is empty or made of dots; write the address out
      kustomization.yaml:10:3: resource "https://git.example.com/bases?ref=0123456789abcdef0123456789abcdef01234567" names nothing, or has a path with a step that is empty or made of dots; write the address out
      kustomization.yaml:11:3: resource "https://git.example.com/team/bases?ref=0123456789abcdef0123456789abcdef01234567&depth=…" has parameters other than ref, version, timeout and submodules; take them out
      kustomization.yaml:12:3: resource "https://files.example.com/a//b.yaml?checksum=sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff" names nothing, or has a path with a step that is empty or made of dots; write the address out
      kustomization.yaml:13:3: resource "https://files.example.com/?checksum=sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff" names nothing, or has a path with a step that is empty or made of dots; write the address out
      kustomization.yaml:14:3: resource "ssh://git.example.com/team/bases?ref=0123456789abcdef0123456789abcdef01234567" is fetched over https only; use the https:// address of the repository, with ?ref= and a full commit id
      kustomization.yaml:15:3: resource "git@github.com:org/repo?ref=0123456789abcdef0123456789abcdef01234567" is fetched over https only; use the https:// address of the repository, with ?ref= and a full commit id
      kustomization.yaml:16:3: resource "file:///srv/git/bases?ref=0123456789abcdef0123456789abcdef01234567" is fetched over https only; use the https:// address of the repository, with ?ref= and a full commit id
      kustomization.yaml:17:3: resource "github.com:org/repo?ref=0123456789abcdef0123456789abcdef01234567" is fetched over https only; use the https:// address of the repository, with ?ref= and a full commit id
    "#);
}

#[test]
fn one_error_lists_every_entry_and_what_to_do() {
    let base = format!(
        "resources: ['github.com/org/repo?ref={COMMIT}']\npatches:\n- path: https://files.example.com:8443/p.yaml?checksum=sha256:{DIGEST}\n"
    );
    let files = [
        ("kustomization.yaml", "resources: [one, two, cm.yaml]\n"),
        ("one/kustomization.yaml", "resources: [../base]\nnamePrefix: a-\n"),
        (
            "two/kustomization.yaml",
            "resources: [../base, missing.yaml]\nnamePrefix: b-\n",
        ),
        (
            "base/kustomization.yaml",
            &format!("{base}configMapGenerator:\n- name: x\n  files: ['http://127.0.0.1:1/x?y']\n"),
        ),
        ("cm.yaml", CONFIG_MAP),
    ];
    assert_snapshot!(refusal(&files, ""), @r#"
    the build needs what is on other machines; copy it into the repository, or have it fetched by `afterbay apply` or `afterbay fetch`:
      base/kustomization.yaml:1:13: resource "github.com/org/repo?ref=0123456789abcdef0123456789abcdef01234567": allow it with --allow-remote github.com/org/repo
      base/kustomization.yaml:5:3: generator file "http://127.0.0.1:1/x?…" is not pinned; end the address of a file with ?checksum=sha256: and its digest, and the address of a repository with ?ref= and a full commit id
      base/kustomization.yaml:3:3: patch "https://files.example.com:8443/p.yaml?checksum=sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff": allow it with --allow-remote files.example.com:8443
    two/kustomization.yaml:1:22: resource "missing.yaml": two/missing.yaml: no such file or directory in this revision
    "#);
}

#[test]
fn what_may_be_a_token_is_not_shown() {
    let entries = [
        format!("https://files.example.com/x.yaml?token=secret&raw&checksum=sha256:{DIGEST}"),
        format!("https://git.example.com/team/bases?ref={COMMIT}&access=secret"),
        format!("https://me:secret@git.example.com/team/bases@v1?ref={COMMIT}"),
        format!("https://me:sec/ret@git.example.com/team/bases?ref={COMMIT}"),
        format!("git::https://me:secret@git.example.com/team/bases?ref={COMMIT}"),
        format!("ssh://me:secret@git.example.com:22/team/bases?ref={COMMIT}"),
        format!("github.com/org/repo?ref={COMMIT}&token=secret"),
        format!("https://git.example.com/team/bases@v1?ref={COMMIT}"),
        format!("me:secret@git.example.com:org/repo?ref={COMMIT}"),
    ];
    let text = entries.map(|entry| format!("- {entry:?}\n")).concat()
        + "patches:\n- path: \"me:secret@git.example.com:org/patch.yaml\"\n";
    let refused = refusal(&[("kustomization.yaml", &format!("resources:\n{text}"))], "");
    assert!(!refused.contains("sec"), "{refused}");
    assert_snapshot!(refused.replace(COMMIT, "COMMIT").replace(DIGEST, "DIGEST"), @r#"
    the build needs what is on other machines; copy it into the repository, or have it fetched by `afterbay apply` or `afterbay fetch`:
      kustomization.yaml:2:3: resource "https://files.example.com/x.yaml?token=…&…&checksum=sha256:DIGEST": allow it with --allow-remote files.example.com
      kustomization.yaml:3:3: resource "https://git.example.com/team/bases?ref=COMMIT&access=…" has parameters other than ref, version, timeout and submodules; take them out
      kustomization.yaml:4:3: resource "https://git.example.com/team/bases@v1?ref=COMMIT" holds credentials, which do not belong into a repository; take them out
      kustomization.yaml:5:3: resource "https://git.example.com/team/bases?ref=COMMIT" holds credentials, which do not belong into a repository; take them out
      kustomization.yaml:6:3: resource "git::https://git.example.com/team/bases?ref=COMMIT" holds credentials, which do not belong into a repository; take them out
      kustomization.yaml:7:3: resource "ssh://git.example.com:22/team/bases?ref=COMMIT" is fetched over https only; use the https:// address of the repository, with ?ref= and a full commit id
      kustomization.yaml:8:3: resource "github.com/org/repo?ref=COMMIT&token=…" has parameters other than ref, version, timeout and submodules; take them out
      kustomization.yaml:9:3: resource "https://git.example.com/team/bases@v1?ref=COMMIT": allow it with --allow-remote git.example.com/team/bases@v1
    kustomization.yaml:10:3: resource "…@git.example.com:org/repo?ref=COMMIT" holds credentials, which do not belong into a repository; take them out
    kustomization.yaml:12:3: patch "…@git.example.com:org/patch.yaml" holds credentials, which do not belong into a repository; take them out
    "#);
}

#[test]
fn what_was_fetched_is_built() {
    let inner =
        format!("resources:\n- ../other\n- https://files.example.com/v1/x.yaml?checksum=sha256:{DIGEST}\n");
    let mut tree = with_base(
        "https://git.example.com/team/bases//app",
        &[
            ("app/kustomization.yaml", &inner),
            ("other/kustomization.yaml", "resources: [sub/cm.yaml]\n"),
            ("other/sub/cm.yaml", CONFIG_MAP),
        ],
    );
    let named = remote_entries(&tree, &path("app"), &crate::Specification::default());
    assert_eq!(named.len(), 1, "{named:?}");
    let address = named[0].address.as_ref().unwrap();
    let file = self::tree(&[(address.file_name().unwrap(), OTHER)]);
    tree.mount(&address.mount().unwrap(), file).unwrap();
    assert_eq!(
        remote_entries(&tree, &path("app"), &crate::Specification::default()),
        []
    );
    assert_snapshot!(built(&tree).unwrap(), @r"
    https:/git.example.com/team/bases@0123456789abcdef0123456789abcdef01234567/other/sub/cm.yaml:1:1 ConfigMap/cm
    https:/files.example.com/v1@sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff/x.yaml:1:1 ConfigMap/other
    ");
    let inputs = crate::inputs(&tree, &path("app")).check().unwrap();
    assert_snapshot!(lines(inputs.iter()), @r"
    app/kustomization.yaml
    https:/git.example.com/team/bases@0123456789abcdef0123456789abcdef01234567/app/kustomization.yaml
    https:/git.example.com/team/bases@0123456789abcdef0123456789abcdef01234567/other/kustomization.yaml
    https:/git.example.com/team/bases@0123456789abcdef0123456789abcdef01234567/other/sub/cm.yaml
    https:/files.example.com/v1@sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff/x.yaml
    ");
}

#[test]
fn a_remote_base_reaches_nothing_outside() {
    let entry = "https://git.example.com/team/bases//app";
    let up = "../../../../../app";
    let kustomization = format!(
        "resources:\n- {up}/own.yaml\n- {up}\n- ../other/file.yaml\n- link.yaml\npatches:\n- path: {up}/own.yaml\n\
         secretGenerator:\n- name: x\n  files: [{up}/own.yaml]\n"
    );
    let mut tree = with_base(
        entry,
        &[
            ("app/kustomization.yaml", &kustomization),
            ("other/file.yaml", CONFIG_MAP),
        ],
    );
    // A source refuses such a link; a build does not count on it.
    tree.insert_link(
        path(&format!(
            "https:/git.example.com/team/bases@{COMMIT}/app/link.yaml"
        )),
        &format!("{up}/own.yaml"),
    );
    assert_snapshot!(built(&tree).unwrap_err(), @r#"
    https:/git.example.com/team/bases@0123456789abcdef0123456789abcdef01234567/app/kustomization.yaml:2:3: resource "../../../../../app/own.yaml": path "../../../../../app/own.yaml" leads out of https:/git.example.com/team/bases@0123456789abcdef0123456789abcdef01234567, and what is fetched stands by itself; use a path inside it
    https:/git.example.com/team/bases@0123456789abcdef0123456789abcdef01234567/app/kustomization.yaml:3:3: resource "../../../../../app": path "../../../../../app" leads out of https:/git.example.com/team/bases@0123456789abcdef0123456789abcdef01234567, and what is fetched stands by itself; use a path inside it
    https:/git.example.com/team/bases@0123456789abcdef0123456789abcdef01234567/app/kustomization.yaml:4:3: resource "../other/file.yaml": path "../other/file.yaml" leads out of https:/git.example.com/team/bases@0123456789abcdef0123456789abcdef01234567/app, and what is fetched stands by itself; use a path inside it
    https:/git.example.com/team/bases@0123456789abcdef0123456789abcdef01234567/app/kustomization.yaml:5:3: resource "link.yaml": path "link.yaml" leads out of https:/git.example.com/team/bases@0123456789abcdef0123456789abcdef01234567, and what is fetched stands by itself; use a path inside it
    https:/git.example.com/team/bases@0123456789abcdef0123456789abcdef01234567/app/kustomization.yaml:9:3: generator file "../../../../../app/own.yaml": path "../../../../../app/own.yaml" leads out of https:/git.example.com/team/bases@0123456789abcdef0123456789abcdef01234567, and what is fetched stands by itself; use a path inside it
    https:/git.example.com/team/bases@0123456789abcdef0123456789abcdef01234567/app/kustomization.yaml:7:3: patch "../../../../../app/own.yaml": path "../../../../../app/own.yaml" leads out of https:/git.example.com/team/bases@0123456789abcdef0123456789abcdef01234567, and what is fetched stands by itself; use a path inside it
    "#);
}

#[test]
fn the_revision_reaches_what_was_fetched_by_its_address_only() {
    let mut tree = with_base(
        "https://git.example.com/team/bases",
        &[
            ("kustomization.yaml", "resources: [cm.yaml]\n"),
            ("cm.yaml", CONFIG_MAP),
        ],
    );
    let inside = format!("../https:/git.example.com/team/bases@{COMMIT}");
    tree.insert_file(
        path("app/kustomization.yaml"),
        format!("resources:\n- {inside}\n- {inside}/cm.yaml\n").into_bytes(),
        false,
    );
    assert_snapshot!(built(&tree).unwrap_err(), @r#"
    app/kustomization.yaml:2:3: resource "../https:/git.example.com/team/bases@0123456789abcdef0123456789abcdef01234567": path "../https:/git.example.com/team/bases@0123456789abcdef0123456789abcdef01234567" leads into what is fetched for another entry; list the address itself
    app/kustomization.yaml:3:3: resource "../https:/git.example.com/team/bases@0123456789abcdef0123456789abcdef01234567/cm.yaml": path "../https:/git.example.com/team/bases@0123456789abcdef0123456789abcdef01234567/cm.yaml" leads into what is fetched for another entry; list the address itself
    "#);
}

/// A directory of the revision that has the name of something fetched is not taken for it.
#[test]
fn what_is_planted_does_not_count() {
    let files = [
        (
            "kustomization.yaml",
            &*format!("resources: ['https://git.example.com/team/bases?ref={COMMIT}']\n"),
        ),
        (
            &*format!("https:/git.example.com/team/bases@{COMMIT}/kustomization.yaml"),
            "resources: []\n",
        ),
    ];
    assert_snapshot!(refusal(&files, ""), @r#"
    the build needs what is on other machines; copy it into the repository, or have it fetched by `afterbay apply` or `afterbay fetch`:
      kustomization.yaml:1:13: resource "https://git.example.com/team/bases?ref=0123456789abcdef0123456789abcdef01234567": allow it with --allow-remote git.example.com/team/bases
    "#);
}

#[test]
fn a_walk_leaves_out_what_was_fetched() {
    let mut all = tree(&[
        (
            "one/kustomization.yaml",
            &format!("resources: ['https://git.example.com/team/bases?ref={COMMIT}']\n"),
        ),
        ("two.yaml", OTHER),
    ]);
    let base = tree(&[
        ("kustomization.yaml", "resources: [cm.yaml]\n"),
        ("cm.yaml", CONFIG_MAP),
    ]);
    all.mount(
        &path(&format!("https:/git.example.com/team/bases@{COMMIT}")),
        base,
    )
    .unwrap();
    let set = render(&all, &TreePath::root(), afterbay_manifest::Revision::UNKNOWN).unwrap();
    assert_snapshot!(listing(&set), @r"
    https:/git.example.com/team/bases@0123456789abcdef0123456789abcdef01234567/cm.yaml:1:1 ConfigMap/cm
    two.yaml:1:1 ConfigMap/other
    ");
}
