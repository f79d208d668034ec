//! Plugins, with a real one: `fixtures/age/plugins/age-plugin-test`, which the real `sops` sealed a file with.
//!
//! The age library looks for plugins in `PATH`, and a process may not change its own while threads run. So each
//! test here runs itself again in a child with another `PATH`.

use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

use age_core::primitives::bech32_encode;
use fixtures::age::{PLUGIN, PLUGIN_PROGRAM, X25519};

use super::{ALICE, Offered, TO_ALICE, enc};

const CHILD: &str = "AFTERBAY_TEST_CHILD";

/// Runs `test` in a child that finds the plugin under these names.
fn with_plugins(name: &str, plugins: &[&str], debug: &str, test: impl Fn()) {
    if env::var_os(CHILD).is_some() {
        return test();
    }
    let programs = Offered::nothing();
    for plugin in plugins {
        programs.write(&format!("age-plugin-{plugin}"), PLUGIN_PROGRAM.as_bytes(), 0o700);
    }
    let mut path = programs.directory.path().as_os_str().to_owned();
    path.push(":");
    path.push(env::var_os("PATH").unwrap_or_default());
    let output = Command::new(env::current_exe().unwrap())
        .args([
            &format!("identities::tests::plugins::{name}"),
            "--exact",
            "--nocapture",
        ])
        .env(CHILD, "1")
        .env("PATH", path)
        .env("AGEDEBUG", debug)
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{shown}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(shown.contains("1 passed"), "{shown}");
}

/// An identity of a plugin, with data that must not be seen.
fn identity(plugin: &str) -> String {
    let prefix = bech32::Hrp::parse(&format!("age-plugin-{plugin}-")).unwrap();
    bech32_encode(prefix, b"canary").to_uppercase()
}

fn allowing(identity: &str, plugins: &[&str]) -> Offered {
    let mut offered = Offered::nothing().file("identity", identity);
    offered.options().age.plugins = plugins.iter().map(ToString::to_string).collect();
    offered
}

#[test]
fn opens_with_a_plugin_that_may_run() {
    with_plugins("opens_with_a_plugin_that_may_run", &["test"], "", || {
        let offered = allowing(PLUGIN.identity, &["other", "test"]);
        assert!(offered.opens_sealed(&PLUGIN));
        assert_eq!(offered.notes(), "");
        assert!(!offered.opens_sealed(&X25519));
    });
}

#[test]
fn runs_no_plugin_that_may_not() {
    with_plugins("runs_no_plugin_that_may_not", &["test"], "", || {
        let offered = allowing(PLUGIN.identity, &["tes", "TEST", ""]);
        insta::assert_snapshot!(offered.sealed_failure(&PLUGIN), @r"
    DIR/identity: has an identity of the plugin test, which may not run
      hint: allow it with --allow-age-plugin test, if you trust age-plugin-test
    ");
        assert_eq!(offered.notes(), "");
    });
}

#[test]
fn a_plugin_that_fails_holds_up_nothing() {
    let name = "a_plugin_that_fails_holds_up_nothing";
    with_plugins(name, &["mute"], "", || {
        let offered = allowing(&format!("{}\n{ALICE}", identity("mute")), &["mute"]);
        assert!(offered.opens(TO_ALICE));
        let two = format!("{}\n{}", identity("mute"), PLUGIN.identity);
        assert!(!allowing(&two, &["mute", "test"]).opens_sealed(&PLUGIN));
    });
}

#[test]
fn tells_how_a_plugin_failed_and_no_secret() {
    let plugins = ["mute", "telltale", "short", "asks", "slow", "test"];
    with_plugins("tells_how_a_plugin_failed_and_no_secret", &plugins, "", || {
        let shown = ["mute", "telltale", "short", "asks", "slow", "absent"].map(|plugin| {
            let identity = identity(plugin);
            let mut offered = allowing(&identity, &[plugin]);
            let slow = plugin == "slow";
            offered.options().age.patience = Duration::from_millis(if slow { 500 } else { 60_000 });
            let failure = offered.failure("", &enc(&PLUGIN));
            assert!(
                !failure.to_lowercase().contains(&identity.to_lowercase()[18..]),
                "{failure}"
            );
            failure.lines().next().unwrap().to_owned()
        });
        let fits_not = allowing(PLUGIN.identity, &["test"]).failure("", &enc(&X25519));
        insta::assert_snapshot!(format!("{}\n{fits_not}", shown.join("\n")), @r"
    DIR/identity: age-plugin-mute ended, or broke the protocol, before it answered
    DIR/identity: age-plugin-telltale failed: its message repeats the identity and is withheld
    DIR/identity: age-plugin-short answered with something that is no file key
    DIR/identity: age-plugin-asks failed: (internal) a PIN is needed
    DIR/identity: age-plugin-slow did not answer within 0.5 s
    DIR/identity: needs age-plugin-absent, which is not in PATH
    DIR/identity: age-plugin-test opens none of the stanzas
      hint: offer an identity with --age-key-file, SOPS_AGE_KEY_FILE or SOPS_AGE_KEY
    ");
    });
}

/// Neither the plugin nor what it has started is left running, and nothing else is ended.
#[test]
#[cfg(target_os = "linux")]
fn a_plugin_that_overruns_its_time_is_ended() {
    let name = "a_plugin_that_overruns_its_time_is_ended";
    with_plugins(name, &["slow"], "", || {
        let mut bystander = Command::new("sleep").arg("60").spawn().unwrap();
        let mut offered = allowing(&identity("slow"), &["slow"]);
        offered.options().age.patience = Duration::from_millis(500);
        assert!(
            offered
                .failure("", &enc(&PLUGIN))
                .contains("did not answer within 0.5 s")
        );
        // The fixture sleeps for 20 seconds, in a process of its own.
        let begin = Instant::now();
        while !descendants(process::id()).iter().all(|id| *id == bystander.id()) {
            assert!(begin.elapsed() < Duration::from_secs(10), "it runs on");
            thread::sleep(Duration::from_millis(20));
        }
        assert!(bystander.try_wait().unwrap().is_none(), "it was ended, too");
        bystander.kill().unwrap();
        bystander.wait().unwrap();
    });
}

/// Everything below a process that has not ended.
#[cfg(target_os = "linux")]
fn descendants(of: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // `PID (NAME) STATE PARENT …`; the name may hold anything.
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let rest = stat.rsplit(')').next().unwrap_or_default();
        let mut fields = rest.split_ascii_whitespace();
        let (state, parent) = (fields.next(), fields.next().and_then(|text| text.parse().ok()));
        if state != Some("Z") && parent == Some(of) {
            found.push(id);
            found.extend(descendants(id));
        }
    }
    found
}

#[test]
fn runs_no_plugin_while_its_messages_are_printed() {
    let name = "runs_no_plugin_while_its_messages_are_printed";
    with_plugins(name, &["test"], "plugin", || {
        insta::assert_snapshot!(allowing(PLUGIN.identity, &["test"]).sealed_failure(&PLUGIN), @r"
    DIR/identity: was not tried: AGEDEBUG=plugin prints identities and keys
      hint: unset AGEDEBUG
    ");
    });
}
