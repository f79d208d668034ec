//! What is decided before there is a connection.

use afterbay_apply::{ApplyOptions, ConnectOptions};
use afterbay_keys::{KeyEnvironment, KeyOptions, Platform};
use afterbay_manifest::{Revision, Warning};

use super::*;

#[tokio::test]
async fn a_run_that_prunes_is_refused_without_objects() {
    let environment = KeyEnvironment::from_lookup(Platform::Unix, |_| None);
    let ring = KeyRing::new(KeyOptions::new(environment));
    let rendered = RenderedSet {
        revision: Revision::UNKNOWN,
        objects: Vec::new(),
        warnings: vec![Warning {
            place: None,
            message: "apps: nothing is built".to_owned(),
        }],
    };
    let decrypted = prove(
        rendered,
        OpenedFiles::default(),
        &ring,
        &DecryptOptions::default(),
    )
    .await
    .unwrap();
    let apply_options = ApplyOptions {
        prune: Prune::Delete,
        ..ApplyOptions::default()
    };
    // A kubeconfig that does not exist: the refusal comes before it is read.
    let connect = ConnectOptions {
        kubeconfig: Some("/nonexistent".into()),
        ..ConnectOptions::default()
    };
    let destination = Destination {
        connect,
        apply: apply_options,
        inventory: None,
    };

    let error = apply(decrypted, &destination, &mut |_| ()).await.unwrap_err();
    assert_eq!(error.stage(), Stage::Render);
    assert_eq!(
        error.to_string(),
        "no object to apply, and a run that prunes would delete all that the inventory has: apps: nothing is built"
    );
    let hint = error.findings().remove(0).hint.unwrap();
    assert!(
        hint.contains("--path") && hint.contains("afterbay delete"),
        "{hint}"
    );
}
