//! Repositories made by the `git` command, with nothing of the user's configuration in them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A repository with a work tree in a folder that goes away.
pub(crate) struct Repository {
    folder: tempfile::TempDir,
}

impl Repository {
    /// An empty repository whose first branch is `main`.
    pub(crate) fn empty() -> Self {
        let repository = Self {
            folder: tempfile::tempdir().expect("a folder"),
        };
        std::fs::create_dir(repository.path()).expect("a folder");
        repository.git(&["init", "-q", "-b", "main", "."]);
        repository.git(&["config", "http.uploadpack", "true"]);
        repository
    }

    /// One commit with `a.yaml` and `dir/b.yaml`.
    pub(crate) fn sample() -> Self {
        let repository = Self::empty();
        repository.write("a.yaml", "a: 1\n");
        repository.write("dir/b.yaml", "b: 1\n");
        repository.commit("first");
        repository
    }

    /// The folder above the work tree, which a server takes as its root.
    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    /// The work tree.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("repo")
    }

    pub(crate) fn url(&self) -> String {
        self.path().to_str().expect("text").to_owned()
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        write_file(&self.path().join(path), content);
    }

    /// Commits the work tree and returns the commit.
    pub(crate) fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.id("HEAD")
    }

    pub(crate) fn id(&self, revision: &str) -> String {
        self.git(&["rev-parse", revision])
    }

    /// Runs `git` in the work tree and returns what it prints.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        self.git_with_input(arguments, b"")
    }

    /// The same with input.
    pub(crate) fn git_with_input(&self, arguments: &[&str], input: &[u8]) -> String {
        let mut command = git(self.root());
        command.current_dir(self.path()).args(arguments);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect(MISSING);
        std::io::Write::write_all(&mut child.stdin.take().expect("a pipe"), input)
            .expect("git reads its input");
        let output = child.wait_with_output().expect("git ends");
        let (stdout, stderr) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(output.status.success(), "git {arguments:?}: {stderr}");
        stdout.trim_end().to_owned()
    }

    /// Makes a tree object of entries as Git stores them, which may be ones that `git add` refuses.
    pub(crate) fn raw_tree(&self, entries: &[(&str, &[u8], &str)]) -> String {
        let mut tree = Vec::new();
        for (mode, name, id) in entries {
            tree.extend_from_slice(mode.as_bytes());
            tree.push(b' ');
            tree.extend_from_slice(name);
            tree.push(0);
            let bytes = id
                .as_bytes()
                .chunks(2)
                .map(|pair| std::str::from_utf8(pair).expect("hex"));
            tree.extend(bytes.map(|pair| u8::from_str_radix(pair, 16).expect("hex")));
        }
        self.git_with_input(
            &["hash-object", "-t", "tree", "-w", "--stdin", "--literally"],
            &tree,
        )
    }

    /// Points `main` to a commit of a tree.
    pub(crate) fn commit_tree(&self, tree: &str) -> String {
        let commit = self.git(&["commit-tree", tree, "-m", "made"]);
        self.git(&["update-ref", "refs/heads/main", &commit]);
        commit
    }
}

const MISSING: &str = "this test needs the git command; install the package git";

/// `git` with an empty configuration and fixed names and dates.
pub(crate) fn git(home: &Path) -> Command {
    let mut command = Command::new("git");
    command.env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let settings = [
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_AUTHOR_NAME", "A"),
        ("GIT_AUTHOR_EMAIL", "a@example.com"),
        ("GIT_AUTHOR_DATE", "2025-01-01T00:00:00Z"),
        ("GIT_COMMITTER_NAME", "C"),
        ("GIT_COMMITTER_EMAIL", "c@example.com"),
        ("GIT_COMMITTER_DATE", "2025-01-01T00:00:00Z"),
    ];
    command.env("HOME", home).envs(settings);
    command
}

/// Writes a file with the folders above it.
pub(crate) fn write_file(path: &Path, content: impl AsRef<[u8]>) {
    std::fs::create_dir_all(path.parent().expect("a folder above")).expect("a folder");
    let mut file = std::fs::File::create(path).expect("a file");
    std::io::Write::write_all(&mut file, content.as_ref()).expect("written");
}
