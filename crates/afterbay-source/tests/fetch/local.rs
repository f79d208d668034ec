//! Repositories on this machine, opened in place.

use afterbay_manifest::Revision;
use afterbay_source::{RemoteUrl, SourceError};

use crate::support::{Repository, listing, options, run, text, write_file};

#[test]
fn reads_files_modes_links_and_submodules() {
    let repository = Repository::empty();
    repository.write("a.yaml", "a: 1\n");
    repository.write("bin/run", "#!/bin/sh\n");
    std::os::unix::fs::symlink("../a.yaml", repository.path().join("bin/link")).unwrap();
    repository.git(&["add", "-A"]);
    repository.git(&["update-index", "--chmod=+x", "bin/run"]);
    let id = "1111111111111111111111111111111111111111";
    repository.git(&[
        "update-index",
        "--add",
        "--cacheinfo",
        &format!("160000,{id},sub"),
    ]);
    repository.git(&["commit", "-q", "-m", "x"]);

    let fetched = run(&options(&repository.url(), ""));
    insta::assert_snapshot!(listing(fetched.snapshot()), @"
    a.yaml 5 bytes
    bin/link -> ../a.yaml
    bin/run executable, 10 bytes
    sub @ 1111111111111111111111111111111111111111
    ");
    assert_eq!(fetched.warnings(), ["submodules are not fetched: sub"]);
    let commit = Some(repository.id("HEAD"));
    assert_eq!(
        fetched.snapshot().revision,
        Revision {
            reference: Some("main".to_owned()),
            commit
        }
    );
    assert_eq!(fetched.cost(), (0, 0, 0));
}

#[test]
fn takes_branches_tags_full_refs_and_commits() {
    let repository = Repository::sample();
    let first = repository.id("HEAD");
    repository.git(&["tag", "light"]);
    repository.git(&["tag", "-a", "v1", "-m", "annotated"]);
    repository.git(&["tag", "-a", "v1-again", "-m", "tag of a tag", "v1"]);
    repository.git(&["update-ref", "refs/pull/7/head", &first]);
    repository.git(&["branch", "team/one"]);
    repository.write("a.yaml", "a: 2\n");
    let second = repository.commit("second");

    for reference in [
        "light",
        "v1",
        "v1-again",
        "refs/tags/v1",
        "refs/pull/7/head",
        "team/one",
        first.as_str(),
    ] {
        let fetched = run(&options(&repository.url(), reference));
        assert_eq!(fetched.commit(), first, "{reference}");
        assert_eq!(text(fetched.snapshot(), "a.yaml"), "a: 1\n", "{reference}");
        let label = Some(reference.to_owned()).filter(|label| *label != first);
        assert_eq!(fetched.snapshot().revision.reference, label);
    }
    for reference in [
        "",
        "HEAD",
        "main",
        "refs/heads/main",
        second.to_uppercase().as_str(),
    ] {
        assert_eq!(
            run(&options(&repository.url(), reference)).commit(),
            second,
            "{reference}"
        );
    }
}

#[test]
fn finds_a_repository_as_git_does() {
    let repository = Repository::sample();
    let commit = repository.id("HEAD");
    let root = repository.root();
    repository.git(&["clone", "-q", "--bare", ".", "../bare.git"]);
    repository.git(&["worktree", "add", "-q", "-b", "linked", "../linked"]);
    repository.git(&["pack-refs", "--all"]);
    repository.git(&["repack", "-q", "-a", "-d"]);
    let places = ["repo", "repo/", "repo/.git", "bare.git", "bare", "linked"];
    for place in places {
        let path = root.join(place);
        let fetched = run(&options(path.to_str().unwrap(), "main"));
        assert_eq!(fetched.commit(), commit, "{place}");
    }
    let url = format!("file://{}", root.join("repo").display());
    assert_eq!(run(&options(&url, "linked")).commit(), commit);
    let url = format!("file://localhost{}", root.join("%72epo").display());
    assert_eq!(run(&options(&url, "HEAD")).commit(), commit);
    // HEAD of a linked work tree is its own.
    let linked = run(&options(root.join("linked").to_str().unwrap(), ""));
    assert_eq!(linked.snapshot().revision.reference.as_deref(), Some("linked"));
}

#[test]
fn says_what_is_no_repository() {
    let repository = Repository::sample();
    let place = |text: String| text.replace(repository.root().to_str().unwrap(), "/srv");
    let inside = run(&options(repository.path().join("dir").to_str().unwrap(), ""));
    insta::assert_snapshot!(place(inside.message()), @"
    /srv/repo/dir is not a git repository
    hint: the repository is /srv/repo; give that and select a directory in it
    ");
    let absent = run(&options(repository.root().join("nothing").to_str().unwrap(), ""));
    insta::assert_snapshot!(place(absent.message()), @"
    /srv/nothing is not a git repository
    hint: give the directory that holds .git, or a bare repository
    ");
}

#[test]
fn says_what_refs_there_are() {
    let repository = Repository::sample();
    repository.git(&["branch", "release-1.2"]);
    repository.git(&["branch", "release-1.3"]);
    repository.git(&["tag", "v1.0"]);
    let place = |text: String| text.replace(repository.root().to_str().unwrap(), "/srv");
    insta::assert_snapshot!(place(run(&options(&repository.url(), "release-1.4")).message()), @r#"
    /srv/repo: there is no branch, tag or ref "release-1.4"
    hint: there is refs/heads/release-1.2, refs/heads/release-1.3, refs/tags/v1.0, refs/heads/main
    "#);
    let short = &repository.id("HEAD")[..8];
    insta::assert_snapshot!(place(run(&options(&repository.url(), short)).message()).replace(short, "SHORT"), @r#"
    /srv/repo: "SHORT" is no branch or tag, and short commit ids are not looked up
    hint: give all 40 digits of the commit id
    "#);
    let absent = "0123456789012345678901234567890123456789";
    insta::assert_snapshot!(place(run(&options(&repository.url(), absent)).message()), @"
    /srv/repo: there is no commit 0123456789012345678901234567890123456789
    hint: fetch it into that repository first
    ");
}

#[test]
fn refuses_a_name_that_is_two_commits() {
    let repository = Repository::sample();
    repository.git(&["tag", "same"]);
    repository.git(&["branch", "same"]);
    repository.git(&["tag", "both"]);
    repository.commit("second");
    repository.git(&["branch", "both"]);
    let place = |text: String| text.replace(repository.root().to_str().unwrap(), "/srv");
    insta::assert_snapshot!(place(run(&options(&repository.url(), "both")).message()), @r#"
    /srv/repo: "both" is a branch and a tag, and they are different commits
    hint: give refs/heads/both or refs/tags/both
    "#);
    run(&options(&repository.url(), "same")).snapshot();
    assert_eq!(
        run(&options(&repository.url(), "refs/tags/both")).commit(),
        repository.id("refs/tags/both")
    );
}

#[test]
fn refuses_what_holds_no_files() {
    let empty = Repository::empty();
    let error = run(&options(&empty.url(), ""));
    assert!(
        matches!(error.error(), SourceError::EmptyRepository { .. }),
        "{}",
        error.message()
    );

    let repository = Repository::sample();
    let blob = repository.id("HEAD:a.yaml");
    repository.git(&["tag", "blob", &blob]);
    let error = run(&options(&repository.url(), "blob"));
    assert!(
        error.message().contains("blob is a blob, not a commit"),
        "{}",
        error.message()
    );

    let sha256 = Repository::sample();
    std::fs::remove_dir_all(sha256.path().join(".git")).unwrap();
    sha256.git(&["init", "-q", "-b", "main", "--object-format=sha256", "."]);
    sha256.commit("first");
    let error = run(&options(&sha256.url(), ""));
    assert!(error.message().contains("sha256"), "{}", error.message());
}

#[test]
fn reads_the_commit_not_the_work_tree() {
    let repository = Repository::sample();
    repository.write("a.yaml", "a: changed\n");
    repository.write("new.yaml", "new: 1\n");
    let fetched = run(&options(&repository.url(), ""));
    assert_eq!(text(fetched.snapshot(), "a.yaml"), "a: 1\n");
    assert!(!listing(fetched.snapshot()).contains("new.yaml"));
}

#[test]
fn a_relative_path_is_a_path() {
    assert_eq!(RemoteUrl::parse("./x").unwrap().to_string(), "./x");
    assert_eq!(RemoteUrl::parse("x/y").unwrap().to_string(), "x/y");
}

#[test]
fn names_a_missing_object() {
    let repository = Repository::sample();
    let id = repository.id("HEAD:a.yaml");
    let object = repository
        .path()
        .join(".git/objects")
        .join(&id[..2])
        .join(&id[2..]);
    std::fs::remove_file(object).unwrap();
    let fetched = run(&options(&repository.url(), ""));
    assert!(
        fetched.message().contains(&format!("object {id} is missing")),
        "{}",
        fetched.message()
    );
}

#[test]
fn a_corrupt_object_is_an_error() {
    let repository = Repository::sample();
    let id = repository.id("HEAD:a.yaml");
    let object = repository
        .path()
        .join(".git/objects")
        .join(&id[..2])
        .join(&id[2..]);
    std::fs::remove_file(&object).unwrap();
    write_file(&object, b"not zlib");
    let fetched = run(&options(&repository.url(), ""));
    assert!(
        matches!(fetched.error(), SourceError::BrokenObject { .. }),
        "{}",
        fetched.message()
    );
}

#[test]
fn names_what_is_there_by_name_only() {
    let repository = Repository::sample();
    for index in 0..7 {
        let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
        repository.write(&format!("{index}.bin"), pointer);
    }
    repository.commit("pointers");
    let fetched = run(&options(&repository.url(), ""));
    let warning =
        "files behind Git LFS pointers are not fetched: 0.bin, 1.bin, 2.bin, 3.bin, 4.bin and 2 more";
    assert_eq!(fetched.warnings(), [warning]);
}

#[test]
fn warns_of_a_repository_of_another_user() {
    let repository = Repository::sample();
    let git = repository.path().join(".git");
    if std::os::unix::fs::chown(&git, Some(12345), None).is_err() {
        println!("skipped: only root can give a repository to another user");
        return;
    }
    let fetched = run(&options(&repository.url(), ""));
    assert_eq!(text(fetched.snapshot(), "a.yaml"), "a: 1\n");
    assert!(
        fetched.warnings()[0].contains("belongs to another user"),
        "{:?}",
        fetched.warnings()
    );
}
