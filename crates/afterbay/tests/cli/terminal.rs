//! On a real terminal: plaintext needs `--reveal`, whatever way it came.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;
use std::thread;

use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::machine::{Machine, ended, fixture};

/// Runs a command whose standard output and error are a terminal; its exit code, and what the terminal got.
fn on_terminal(mut command: Command) -> (Option<i32>, String) {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap();
    let terminal = File::options()
        .read(true)
        .write(true)
        .custom_flags(i32::try_from(OFlags::NOCTTY.bits()).unwrap())
        .open(OsStr::from_bytes(name.to_bytes()))
        .unwrap();
    command.stdout(terminal.try_clone().unwrap()).stderr(terminal);
    let mut child = command.spawn().unwrap();
    // The terminal ends when the child's end of it is the last one and closes.
    drop(command);
    let reader = thread::spawn(move || {
        let (mut controller, mut text) = (File::from(controller), Vec::new());
        // Linux reports the end of a terminal as EIO.
        let _ = controller.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    let status = child.wait().unwrap();
    (status.code(), reader.join().unwrap())
}

/// A repository with a Secret, a custom resource and a ConfigMap; its opened tar stream and its objects are files.
fn prepared() -> Machine {
    let machine = Machine::new();
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  mode: plain-to-see\n";
    let repository = machine.repository(&[
        ("secret.yaml", &fixture("decrypt/sealed/secret.yaml")),
        ("widget.yaml", &fixture("decrypt/sealed/widget.yaml")),
        ("map.yaml", map),
    ]);
    machine.write("keys.txt", fixture("decrypt/age.txt"));
    machine.save("fetched.tar", ["fetch", "--url", &repository]);
    machine.save(
        "opened.tar",
        ["decrypt", "fetched.tar", "--age-key-file", "keys.txt"],
    );
    machine.save("objects.yaml", ["render", "-f", "opened.tar"]);
    machine
}

/// No opened value of the fixtures, plain or in base64.
fn is_hidden(text: &str) -> bool {
    !text.contains("c4n4ry") && !text.contains("YzRuNHJ5")
}

#[test]
fn plaintext_needs_reveal() {
    let machine = prepared();
    for arguments in [
        &["decrypt", "repository/secret.yaml", "--age-key-file", "keys.txt"][..],
        &["render", "-f", "opened.tar"],
        &["normalize", "-f", "objects.yaml"],
    ] {
        let (_, text) = on_terminal(machine.afterbay(arguments));
        assert!(is_hidden(&text), "{arguments:?}: {text}");
        assert!(text.contains("--reveal"), "{arguments:?}: {text}");
        let revealing = [arguments, &["--reveal"]].concat();
        let (code, text) = on_terminal(machine.afterbay(&revealing));
        assert_eq!(code, Some(0), "{text}");
        assert!(!is_hidden(&text), "{arguments:?}: {text}");
        // A pipe is no terminal.
        let piped = machine.run(arguments);
        assert_eq!(piped.code, Some(0), "{}", piped.stderr);
        assert!(!is_hidden(&piped.stdout), "{}", piped.stdout);
    }
}

#[test]
fn a_file_that_was_not_opened_is_shown() {
    let machine = prepared();
    let (_, text) = on_terminal(machine.afterbay(["render", "-f", "opened.tar"]));
    assert!(text.contains("mode: plain-to-see"), "{text}");
    assert!(text.contains("name: w") && text.contains("[REDACTED]"), "{text}");
}

#[test]
fn tar_streams_are_not_for_a_terminal() {
    let machine = prepared();
    for arguments in [
        &["fetch", "--url", "repository"][..],
        &["decrypt", "fetched.tar", "--age-key-file", "keys.txt"],
    ] {
        let (code, text) = on_terminal(machine.afterbay(arguments));
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains("not for a terminal") && is_hidden(&text), "{text}");
    }
}

/// The arguments of a run that ends before it needs a cluster: its second file is wrong.
fn failing_run(machine: &Machine) -> Vec<String> {
    let repository = machine.repository(&[
        (
            "a.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n",
        ),
        ("b.yaml", "kind: {\n"),
    ]);
    ["apply", "--url", &repository].map(str::to_owned).to_vec()
}

#[test]
fn progress_is_a_bar_on_a_terminal_lines_elsewhere_and_nothing_when_quiet() {
    let machine = Machine::new();
    let arguments = failing_run(&machine);
    let quiet = [arguments.clone(), vec!["--quiet".to_owned()]].concat();

    let lines = machine.run(&arguments);
    assert!(
        lines.stderr.contains("\n  decrypt  0 sealed files, 0 values\n"),
        "{}",
        lines.stderr
    );
    assert!(
        !lines.stderr.contains('\u{1b}') && !lines.stderr.contains('\r'),
        "{:?}",
        lines.stderr
    );
    let silent = machine.run(&quiet);
    assert!(silent.stderr.starts_with("error: b.yaml:"), "{}", silent.stderr);

    let (_, drawn) = on_terminal(machine.afterbay(&arguments));
    assert!(drawn.contains("\u{1b}["), "{drawn:?}");
    let (_, drawn) = on_terminal(machine.afterbay(&quiet));
    assert!(!drawn.contains('\u{1b}'), "{drawn:?}");
}

#[test]
fn no_color_means_no_color() {
    let machine = Machine::new();
    let arguments = failing_run(&machine);
    let colored = |text: &str| {
        // Select Graphic Rendition: ESC [ numbers m.
        text.split("\u{1b}[").skip(1).any(|rest| {
            rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';')
                .starts_with('m')
        })
    };
    let mut command = machine.afterbay(&arguments);
    command.env("NO_COLOR", "1").env("RUST_LOG", "trace");
    let (_, text) = on_terminal(command);
    assert!(!colored(&text), "{text:?}");
    let output = ended(
        machine
            .afterbay(&arguments)
            .env("RUST_LOG", "trace")
            .output()
            .unwrap(),
    );
    assert!(!colored(&output.stderr), "{:?}", output.stderr);
}
