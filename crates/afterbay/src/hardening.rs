//! Keeps opened secrets inside this process: no core file, no reading of its memory, no panic payload.

use std::panic::{self, PanicHookInfo};

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Turns core dumps off, makes the process non-dumpable and replaces the panic message.
///
/// Non-dumpable also means that another process of the same user cannot attach to it or read its
/// memory (`PR_SET_DUMPABLE` in `prctl(2)`). Called before anything is opened. Returns what could not
/// be done, for a warning: some sandboxes refuse these calls, and that is no reason to stop.
pub(crate) fn harden() -> Vec<&'static str> {
    panic::set_hook(Box::new(report));
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

/// Says where the program broke, past the log, which may be turned off. The payload may hold a value, and the place is
/// enough to find the fault.
fn report(panic: &PanicHookInfo<'_>) {
    let place = panic
        .location()
        .map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
    eprintln!("error: internal error{place}; this is a bug in afterbay, please report it with this line");
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::process::Command;

    /// Set for the child alone.
    const CHILD: &str = "AFTERBAY_TEST_PANICS";

    /// What the parent starts; by itself it does nothing.
    #[test]
    fn child() {
        if env::var_os(CHILD).is_some() {
            assert_eq!(super::harden(), [""; 0]);
            panic!("hunter2");
        }
    }

    #[test]
    fn a_panic_tells_its_place_and_no_payload_whatever_the_log_shows() {
        let child = Command::new(env::current_exe().unwrap())
            .args([
                "--exact",
                "hardening::tests::child",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(CHILD, "1")
            .env("RUST_LOG", "off")
            .output()
            .unwrap();
        let text = [child.stdout, child.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        assert_eq!(child.status.code(), Some(101), "{text}");
        assert!(
            text.contains("error: internal error at crates/afterbay/src/hardening.rs:"),
            "{text}"
        );
        assert!(!text.contains("hunter2"), "{text}");
    }
}
