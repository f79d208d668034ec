//! Substitution against what Flux makes of the same texts and objects.

mod objects;
mod properties;
mod templates;

use afterbay_manifest::{Provenance, Sealed};
use serde_json::Value as Json;

use super::Variables;

/// The variables of `fixtures/substitute/variables.json`.
fn variables() -> Variables {
    let json: Json =
        serde_json::from_str(include_str!("../../../../fixtures/substitute/variables.json")).unwrap();
    let mut variables = Variables::new();
    for (name, value) in json.as_object().unwrap() {
        variables
            .insert(name, value.as_str().unwrap(), Provenance::PLAIN)
            .unwrap();
    }
    variables
}

fn sealed(name: &str) -> Provenance {
    Provenance::sealed(Sealed::Lookup {
        kind: "Secret".to_owned(),
        name: name.to_owned(),
    })
}
