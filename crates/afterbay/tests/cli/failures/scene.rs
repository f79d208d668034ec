//! One run of the binary, and one of the real sops, in a folder of their own.

use std::any::Any;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::machine::{Ended, Machine, ended, fixture};

/// The variable that names the real sops.
const SOPS: &str = "AFTERBAY_TEST_SOPS";

const SNAPSHOTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/failures/snapshots");

/// What makes a failure, and what is compared.
pub(crate) struct Scene {
    pub(crate) machine: Machine,
    arguments: Vec<String>,
    counterpart: Counterpart,
    variables: Vec<(String, String)>,
    alive: Vec<Box<dyn Any>>,
}

/// How sops stands to it.
enum Counterpart {
    /// It gets the same arguments, and ends with the same code.
    Same,
    /// It has nothing of the kind.
    None,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self {
            machine: Machine::new(),
            arguments: vec!["decrypt".to_owned(), "secret.yaml".to_owned()],
            counterpart: Counterpart::Same,
            variables: Vec::new(),
            alive: Vec::new(),
        }
    }

    /// The file to open, and what is in it.
    pub(crate) fn file(&mut self, name: &str, content: impl AsRef<[u8]>) {
        self.machine.write(name, content);
        name.clone_into(&mut self.arguments[1]);
    }

    /// A sealed file of `fixtures/failures`, under the name `secret.yaml`.
    pub(crate) fn sealed(&mut self, name: &str) {
        self.file("secret.yaml", fixture(&format!("failures/{name}.yaml")));
    }

    /// A vector of `fixtures/sops`, with the keys that open it.
    pub(crate) fn vector(&mut self, name: &str) {
        let vector = fixtures::sops::Vector::named(name).unwrap();
        self.file(&format!("secret.{}", vector.extension), vector.sealed);
        self.key_file(vector.identities());
    }

    /// The age identities that sops and afterbay find by a variable.
    pub(crate) fn key_file(&mut self, identities: &str) {
        self.machine.write("keys.txt", identities);
        self.set("SOPS_AGE_KEY_FILE", "keys.txt");
    }

    /// A variable for both.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// More arguments for both.
    pub(crate) fn flags(&mut self, flags: &[&str]) {
        self.arguments.extend(flags.iter().map(ToString::to_string));
    }

    /// Another command, which sops has not.
    pub(crate) fn command(&mut self, arguments: &[&str]) {
        self.arguments = arguments.iter().map(ToString::to_string).collect();
        self.counterpart = Counterpart::None;
    }

    /// Sops does not do this, or not without asking somebody.
    pub(crate) fn not_with_sops(&mut self) {
        self.counterpart = Counterpart::None;
    }

    /// Keeps a fake until the end.
    pub(crate) fn keep(&mut self, fake: impl Any) {
        self.alive.push(Box::new(fake));
    }

    /// Compares what both say with what is recorded.
    pub(crate) fn check(&self, name: &str) {
        let theirs = format!("{name}.sops");
        let ours = self.run(self.machine.afterbay(&self.arguments));
        self.compare(name, &format!("afterbay {}", self.arguments.join(" ")), &ours);
        assert_eq!(ours.stdout, "", "{name}: plaintext though it failed");
        for value in ["hunter2", "correct horse"] {
            assert!(
                !ours.stderr.contains(value),
                "{name}: a value in\n{}",
                ours.stderr
            );
        }
        if matches!(self.counterpart, Counterpart::None) {
            return;
        }
        if let Some(sops) = std::env::var_os(SOPS) {
            let mut command = Command::new(sops);
            command
                .args(&self.arguments)
                .env_clear()
                .env("HOME", self.machine.path(""))
                .env("PATH", "/usr/bin:/bin")
                .current_dir(self.machine.path(""))
                .stdin(Stdio::null());
            let ended = self.run(command);
            self.compare(&theirs, &format!("sops {}", self.arguments.join(" ")), &ended);
        }
        let recorded = recorded(&theirs).unwrap();
        assert_eq!(ours.code.unwrap().to_string(), recorded.code(), "{name}");
    }

    fn run(&self, mut command: Command) -> Ended {
        for (name, value) in &self.variables {
            command.env(name, value);
        }
        ended(command.output().unwrap())
    }

    fn compare(&self, name: &str, line: &str, ended: &Ended) {
        let text = format!("$ {line}\n{}exit {}\n", ended.stderr, ended.code.unwrap());
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(SNAPSHOTS);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name, self.stand_ins(&text)));
    }

    /// Folder and ports of this run, and when it was.
    fn stand_ins(&self, text: &str) -> String {
        let text = text.replace(&self.machine.path("").display().to_string(), "~/");
        let text = after(&text, "127.0.0.1:", "PORT", |c| c.is_ascii_digit());
        let text = after(&text, "time=\"", "TIME", |c| c != '"');
        // Where sops wraps what is longer in one run than in another.
        text.lines()
            .map(|line| line.trim_end().to_owned() + "\n")
            .collect()
    }
}

/// Replaces what follows a mark.
fn after(text: &str, mark: &str, stand_in: &str, is_part: fn(char) -> bool) -> String {
    let mut parts = text.split(mark);
    let mut told = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        told.push_str(mark);
        if part.starts_with(is_part) {
            told.push_str(stand_in);
        }
        told.push_str(part.trim_start_matches(is_part));
    }
    told
}

/// A snapshot as it is in the repository.
pub(crate) struct Recorded(String);

impl Recorded {
    /// The exit code in it.
    pub(crate) fn code(&self) -> &str {
        self.0.trim_end().rsplit(' ').next().unwrap()
    }
}

pub(crate) fn recorded(name: &str) -> Option<Recorded> {
    let path = Path::new(SNAPSHOTS).join(format!("{name}.snap"));
    fs::read_to_string(path).ok().map(Recorded)
}

/// Every snapshot in the repository, by name.
pub(crate) fn snapshots() -> Vec<String> {
    let entries = fs::read_dir(SNAPSHOTS).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| {
            Path::new(name)
                .extension()
                .is_some_and(|extension| extension == "snap")
        })
        .collect();
    names.sort();
    names
}
