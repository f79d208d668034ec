//! The test of the test: what leaks is found, wherever and however it does.

use std::error::Error;
use std::fmt;

use afterbay_manifest::DataKey;
use fixtures::canary::Canary;

use crate::opening::Said;
use crate::recording::Recording;
use crate::secrets::Secrets;

const VALUE: &str = "correct <horse> \"battery\" staple";

/// An error whose text is clean and whose source is not.
#[derive(Debug)]
struct Leaking(Box<dyn Error>);

impl fmt::Display for Leaking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot be opened")
    }
}

impl Error for Leaking {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

fn secrets() -> Secrets {
    let mut secrets = Secrets::default();
    secrets.value(VALUE.as_bytes());
    secrets.key(b"AGE-SECRET-KEY-1QQQSYQCYQ5RQWZQFPG9SCRGWPUGPZYSN");
    secrets
}

#[test]
fn a_leaking_error_is_found() {
    let search = secrets().search();
    for text in [
        format!("strconv.Atoi: parsing {VALUE:?}: invalid syntax"),
        format!("Input string {VALUE} does not match sops' data format"),
        "malformed key: 1QQQSYQCYQ5RQWZQ…".to_owned(),
    ] {
        let mut said = Said::default();
        said.error(&Leaking(text.into()));
        assert!(search.found_in(&said.0).is_some(), "{}", said.0);
    }
    let mut said = Said::default();
    said.error(&Leaking("cipher: message authentication failed".into()));
    assert_eq!(search.found_in(&said.0), None);
}

#[test]
fn every_form_is_found() {
    let search = secrets().search();
    for (name, form) in Canary::whole(VALUE.as_bytes()).forms() {
        assert!(search.found_in(&format!("a {form} b")).is_some(), "{name}");
    }
    assert!(search.found_in("AGE-SECRET-KEY-1… of 3 keys, cannot").is_none());
}

#[test]
fn a_debug_text_without_redaction_is_found() {
    #[derive(Debug)]
    struct Bare(#[expect(dead_code, reason = "printed")] Vec<u8>);
    let key: Vec<u8> = (0..32).map(|number| number * 7 + 3).collect();
    let mut secrets = Secrets::default();
    secrets.value(&key);
    let search = secrets.search();
    let mut said = Said::default();
    said.debug(&DataKey::new(key.clone().into()));
    assert_eq!(search.found_in(&said.0), None);
    said.debug(&Bare(key));
    assert!(search.found_in(&said.0).is_some(), "{}", said.0);
}

#[test]
fn a_mac_is_found_whoever_made_it() {
    let search = Secrets::default().search();
    let mac = "32A183A85B384C517CFFEA525EAFE963BBF7AE4F157CEE7038C28F900C8068F7";
    assert!(
        search
            .found_in(&format!("MAC mismatch. File has {mac}"))
            .is_some()
    );
    assert!(
        search
            .found_in(&format!("a fingerprint {}", &mac[..40]))
            .is_none()
    );
}

#[test]
fn what_is_logged_and_what_panics_is_found() {
    let recording = Recording::start();
    let search = secrets().search();
    tracing::trace!(value = VALUE, "opened");
    let logged = recording.take();
    assert!(search.found_in(&logged).is_some(), "{logged}");
    let panicked = std::thread::spawn(|| panic!("cannot open {VALUE}")).join();
    assert!(panicked.is_err());
    let said = recording.take();
    assert!(search.found_in(&said).is_some(), "{said}");
}
