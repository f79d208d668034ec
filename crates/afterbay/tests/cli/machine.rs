//! What the tests share: a home of their own, a repository, and the binary in it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A folder to work in, which goes away.
pub(crate) struct Machine {
    folder: TempDir,
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file that only its owner can read.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// Commits files to the branch `main` of a new repository and returns its path.
    pub(crate) fn repository(&self, files: &[(&str, &str)]) -> String {
        for (name, text) in files {
            self.write(&format!("repository/{name}"), text);
        }
        let repository = self.path("repository");
        let identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"];
        for arguments in [
            &["init", "--quiet", "--initial-branch=main"][..],
            &["add", "."],
            &["commit", "--quiet", "-m", "x"],
        ] {
            let status = Command::new("git")
                .args(identity)
                .args(arguments)
                .current_dir(&repository)
                .env("HOME", self.folder.path())
                .env("GIT_CONFIG_NOSYSTEM", "1")
                .status()
                .unwrap();
            assert!(status.success(), "{arguments:?}");
        }
        repository.display().to_string()
    }

    /// The binary, ready to run in the folder, with nothing of the caller's environment.
    pub(crate) fn afterbay<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_afterbay"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.folder.path())
            .env("TERM", "xterm")
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn run<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Ended {
        ended(self.afterbay(arguments).output().unwrap())
    }

    /// Writes what a run of the binary prints to a file; it has to succeed.
    pub(crate) fn save<I: AsRef<OsStr>>(
        &self,
        name: &str,
        arguments: impl IntoIterator<Item = I>,
    ) -> PathBuf {
        let output = self.afterbay(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        self.write(name, output.stdout)
    }
}

/// A finished run.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn ended(output: Output) -> Ended {
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A file of `fixtures`.
pub(crate) fn fixture(name: &str) -> String {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures")).join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
