//! A text as an object with `${…}` in it. No secret value may come to stand in a plain leaf, or in an error.

use std::sync::LazyLock;

use afterbay_manifest::yaml::{self, Table};
use afterbay_manifest::{Node, Provenance, Sealed};
use afterbay_render::substitute::{Options, Variables, substitute};

use crate::seed::{cases, selected};

const SECRET: &str = "qzxj";

static VARIABLES: LazyLock<Variables> = LazyLock::new(|| {
    let sealed = Provenance::sealed(Sealed::Lookup {
        kind: "Secret".to_owned(),
        name: "s".to_owned(),
    });
    let mut variables = Variables::new();
    for (name, value) in [
        ("a", "2"),
        ("b", "x y/z.tar.gz"),
        ("e", ""),
        ("open", "["),
        ("close", "]"),
        ("quote", "'"),
        ("double", "\""),
        ("anchor", "&x"),
        ("alias", "*x"),
        ("pipe", "|"),
        ("hash", "#"),
        ("colon", ":"),
    ] {
        variables.insert(name, value, Provenance::PLAIN).expect("a name");
    }
    for (name, value) in [
        ("s", SECRET.to_owned()),
        ("m", format!("{{k: {SECRET}}}")),
        ("q", format!("{SECRET}\": '")),
    ] {
        variables.insert(name, &value, sealed.clone()).expect("a name");
    }
    variables
});

/// A byte that selects, and the text.
pub fn run(data: &[u8]) {
    let Some((selector, rest)) = data.split_first() else {
        return;
    };
    if String::from_utf8_lossy(rest).to_lowercase().contains(SECRET) {
        return;
    }
    let Ok(documents) = yaml::parse(rest) else { return };
    let options = Options {
        strict: selector.is_multiple_of(2),
        ..Options::default()
    };
    for mut object in documents
        .iter()
        .filter_map(|document| document.resolve(Table::Kustomize).ok()?)
    {
        if object.as_mapping().is_none() {
            continue;
        }
        match substitute(&mut object, &VARIABLES, options) {
            Ok(_) => assert!(!plain(&object).contains(SECRET), "a secret in a plain leaf"),
            Err(error) => assert!(!error.to_string().contains(SECRET), "a secret in an error"),
        }
    }
}

/// Templates and objects on record.
pub fn seeds() -> Vec<Vec<u8>> {
    selected(0, cases("fixtures/substitute")).collect()
}

/// The texts of all plain leaves.
fn plain(object: &Node) -> String {
    let mut texts = String::new();
    object.leaves(&mut |_, leaf| {
        texts += leaf.as_plain_str().unwrap_or_default();
        texts.push('\n');
    });
    texts
}
