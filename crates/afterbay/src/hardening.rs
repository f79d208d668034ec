//! Keeps opened secrets inside this process: no core file, no reading of its memory, no panic payload.

use std::panic;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Turns core dumps off, makes the process non-dumpable and replaces the panic message.
///
/// Non-dumpable also means that another process of the same user cannot attach to it or read its
/// memory (`PR_SET_DUMPABLE` in `prctl(2)`). Called before anything is opened. Returns what could not
/// be done, for a warning: some sandboxes refuse these calls, and that is no reason to stop.
pub(crate) fn harden() -> Vec<&'static str> {
    panic::set_hook(Box::new(|panic| {
        // The payload may hold a value; the place is enough to find the fault.
        let place = panic
            .location()
            .map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
        tracing::error!("internal error{place}; this is a bug in afterbay, please report it with this line");
    }));
    let mut refused = Vec::new();
    if setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    )
    .is_err()
    {
        refused.push("core dumps could not be turned off");
    }
    if set_dumpable_behavior(DumpableBehavior::NotDumpable).is_err() {
        refused.push("the process could not be made non-dumpable");
    }
    refused
}
