//! Ends what a thread has started, where the handle of it is somebody else's.
//!
//! The age library starts plugins and keeps the handle to itself. The kernel tells which processes a thread has started,
//! so a plugin that overruns its time, and what it has started itself, is found and ended by that and by nothing like a
//! name. Each is held by a descriptor first and looked for again then, so that no other process is hit that got its number
//! in between.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// How deep the tree of children is followed, and how wide: a plugin has no reason to start many.
const MOST: usize = 64;

/// A thread of this process.
pub(super) struct Thread(PathBuf);

impl Thread {
    /// The calling thread; `None` where `/proc` does not tell.
    pub(super) fn current() -> Option<Self> {
        // `PID/task/TID`, of which the thread is named for others, too.
        let link = fs::read_link("/proc/thread-self").ok()?;
        Some(Self(PathBuf::from("/proc").join(link)))
    }

    /// Ends every process that the thread has started and not waited for, with all below it.
    pub(super) fn end_children(&self) {
        let mut started: Vec<(PathBuf, i32)> = Vec::new();
        let mut folders = vec![self.0.clone()];
        while let Some(folder) = folders.pop() {
            for child in children(&folder) {
                if started.len() < MOST {
                    started.push((folder.clone(), child));
                    folders.extend(threads(child));
                }
            }
        }
        // All are held before any is ended: what loses its parent is handed to another.
        let held: Vec<OwnedFd> = started
            .iter()
            .filter_map(|(parent, child)| hold(parent, *child))
            .collect();
        for process in held {
            // It may have ended by itself.
            let _ = pidfd_send_signal(process, Signal::KILL);
        }
    }
}

/// The processes that a thread has started (`proc_pid_children(5)`).
fn children(folder: &Path) -> Vec<i32> {
    let text = fs::read_to_string(folder.join("children")).unwrap_or_default();
    text.split_ascii_whitespace()
        .filter_map(|number| number.parse().ok())
        .collect()
}

/// The threads of a process.
fn threads(process: i32) -> Vec<PathBuf> {
    let entries = fs::read_dir(format!("/proc/{process}/task"));
    let entries = entries.into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).take(MOST).collect()
}

/// A descriptor of a child, if it is one still.
fn hold(parent: &Path, child: i32) -> Option<OwnedFd> {
    let held = pidfd_open(Pid::from_raw(child)?, PidfdFlags::empty()).ok()?;
    children(parent).contains(&child).then_some(held)
}
