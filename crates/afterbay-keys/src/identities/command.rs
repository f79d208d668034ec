//! Commands that print identities, as `SOPS_AGE_KEY_CMD` names them.
//!
//! SOPS runs the command for every recipient of every file, with the recipient in `SOPS_AGE_RECIPIENT`. Here it
//! runs only when nothing else opens a file, and what it printed is kept: it runs again only for another
//! recipient, and not if it printed identities of others than the one it was asked for, because then it does not
//! look at the recipient.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use zeroize::Zeroizing;

use super::key::Unwrapped;
use super::source::Source;

/// The variable in which a command is told the recipient.
const RECIPIENT: &str = "SOPS_AGE_RECIPIENT";

/// Most that is read from a command, in bytes, as from a key file.
const LIMIT: usize = 1 << 20;

/// A command of the operator.
pub(super) struct KeyCommand {
    /// The variable that names it.
    name: &'static str,
    /// Program and arguments. They may hold a secret and are never shown.
    words: Zeroizing<Vec<String>>,
    patience: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    printed: Vec<Source>,
    asked: BTreeSet<String>,
    failures: BTreeMap<String, String>,
    /// Whether the command does not look at the recipient.
    indifferent: bool,
}

impl KeyCommand {
    /// Splits the command into words as a shell does, without starting one.
    pub(super) fn new(name: &'static str, line: &[u8], patience: Duration) -> Result<Self, &'static str> {
        let line = str::from_utf8(line).map_err(|_| "is not UTF-8 text")?;
        let words = shlex::split(line).ok_or("has a quote that is not closed, or ends with a backslash")?;
        if words.is_empty() {
            return Err("is empty");
        }
        Ok(Self {
            name,
            words: Zeroizing::new(words),
            patience,
            state: Mutex::default(),
        })
    }

    /// Tries what was printed before, and then, if need be, what the command prints for this recipient.
    pub(super) fn unwrap(&self, recipient: &str, attempt: impl Fn(&Source) -> Unwrapped) -> Unwrapped {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let found @ Some(_) = state.printed.iter().find_map(&attempt) {
            return found;
        }
        if state.indifferent || !state.asked.insert(recipient.to_owned()) {
            return None;
        }
        let printed = self.run(recipient).and_then(|text| {
            let source = Source::parse(self.name.to_owned(), &text);
            match source.problem() {
                Some(problem) => Err(problem.to_owned()),
                None if source.is_empty() => Err("printed no identity".to_owned()),
                None => Ok(source),
            }
        });
        match printed {
            Ok(source) => {
                state.indifferent = source.is_for_others(recipient);
                let found = attempt(&source);
                state.printed.push(source);
                found
            }
            Err(reason) => {
                state.failures.insert(recipient.to_owned(), reason);
                None
            }
        }
    }

    /// Lets `tell` see what the command printed so far.
    pub(super) fn printed<T>(&self, tell: impl FnMut(&Source) -> T) -> Vec<T> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.printed.iter().map(tell).collect()
    }

    /// The variable, and what was wrong when it was asked for a recipient.
    pub(super) fn failure(&self, recipient: &str) -> Option<(&'static str, String)> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let reason = state.failures.get(recipient)?;
        Some((self.name, reason.clone()))
    }

    fn run(&self, recipient: &str) -> Result<Zeroizing<Vec<u8>>, String> {
        if !is_presentable(recipient) {
            return Err("was not run: the recipient is none that a command should be given".to_owned());
        }
        let (program, arguments) = self.words.split_first().ok_or("is empty")?;
        let mut child = Command::new(program)
            .args(arguments)
            .env(RECIPIENT, recipient)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot be run: {}", error.kind()))?;
        let answer = wait(&mut child, self.patience);
        if answer.is_err() {
            // It may have ended by itself; either way nothing is left of it after the wait.
            let _ = child.kill();
        }
        let status = child
            .wait()
            .map_err(|error| format!("cannot be waited for: {}", error.kind()))?;
        let printed = answer?;
        if status.success() {
            Ok(printed)
        } else {
            Err(format!("failed ({status}); run it by hand to see why"))
        }
    }
}

/// All that a child prints, if it ends in time.
fn wait(child: &mut Child, patience: Duration) -> Result<Zeroizing<Vec<u8>>, String> {
    let output = child.stdout.take().ok_or("cannot be listened to")?;
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::spawn(move || {
        // Room for everything at once: a buffer that grows leaves copies behind that nobody wipes.
        let mut printed = Zeroizing::new(Vec::with_capacity(LIMIT + 1));
        let read = output.take(LIMIT as u64 + 1).read_to_end(&mut printed);
        // Nobody waits any more after the deadline.
        let _ = sender.send(read.map(|_| printed));
    });
    match receiver.recv_timeout(patience) {
        Ok(Ok(printed)) if printed.len() > LIMIT => Err(format!("printed more than {LIMIT} bytes")),
        Ok(read) => read.map_err(|error| format!("cannot be listened to: {}", error.kind())),
        Err(_) => Err(format!("did not end within {} s", patience.as_secs_f32())),
    }
}

/// A recipient comes out of a file, and scripts put it into paths. What is not made of the characters of
/// recipients is not passed on.
fn is_presentable(recipient: &str) -> bool {
    let age = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'-' | b'_' | b'.');
    let ssh = |c: u8| age(c) || matches!(c, b' ' | b'/' | b'=' | b'@');
    match recipient.as_bytes() {
        text if recipient.contains("..") || text.len() > 1 << 14 => false,
        text if text.starts_with(b"age1") => text.iter().copied().all(age),
        text if text.starts_with(b"ssh-") => text.iter().copied().all(ssh),
        _ => false,
    }
}
