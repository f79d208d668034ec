//! The scan that makes the proof true.

use super::*;
use crate::testing::{render_text, sealed, token};

fn left(text: &str) -> String {
    errors_of(run_objects(
        render_text(text),
        OpenedFiles::default(),
        &DecryptOptions::default(),
    ))
}

#[test]
fn a_sops_document_that_nobody_opened_is_named_once() {
    insta::assert_snapshot!(left(&sealed("secret.yaml")), @r#"app.yaml:12:5: Secret/apps/db: sops: the metadata of a SOPS file that was not opened; SOPS files are opened where the build reads them whole: keep it in a file of its own there, open it before (`afterbay decrypt`), or keep the object sealed (--keep-sealed-kind, --keep-sealed-path)"#);
}

#[test]
fn each_thing_left_is_named() {
    let sops = "ENC[AES256_GCM,data:aa==,iv:aa==,tag:aa==,type:str]";
    let text = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n  labels:\n    'ENC[VAULT,abcd]': x\n\
         data:\n  token: {sops}\n  inside: 'a {sops} b'\n  vault: ENC[VAULT,c2VjcmV0]\n  bare: ENC[c2VjcmV0c2VjcmV0]\n  \
         items: [x, '{}']\n  cut: ENC[MIIBiQYJKoZIhvcNAQcDoII\n  short: ENC[aGVsbG8=]\n  other: ENC[a-b,c]\n  prose: write ENC[...] here\n",
        "ENC[PKCS7,aGVsbG8=]"
    );
    insta::assert_snapshot!(left(&text), @r#"
    app.yaml:6:24: ConfigMap/c: metadata.labels["ENC[VAULT,abcd]"]: ENC[…] stands in a name; tokens are opened in values only, write the name out
    app.yaml:8:10: ConfigMap/c: data.token: ENC[AES256_GCM,…] without the metadata to open it: the `sops` block of its file is missing, or it was copied out of its file; restore the block, encrypt the value in its place with sops, or keep the object sealed (--keep-sealed-kind, --keep-sealed-path)
    app.yaml:9:11: ConfigMap/c: data.inside: ENC[AES256_GCM,…] without the metadata to open it: the `sops` block of its file is missing, or it was copied out of its file; restore the block, encrypt the value in its place with sops, or keep the object sealed (--keep-sealed-kind, --keep-sealed-path)
    app.yaml:10:10: ConfigMap/c: data.vault: ENC[…] begins a sealed value, and no whole one of a known kind follows; open it before it is committed, write the text without `ENC[`, or keep the object sealed (--keep-sealed-kind, --keep-sealed-path)
    app.yaml:11:9: ConfigMap/c: data.bare: ENC[…] begins a sealed value, and no whole one of a known kind follows; open it before it is committed, write the text without `ENC[`, or keep the object sealed (--keep-sealed-kind, --keep-sealed-path)
    app.yaml:12:14: ConfigMap/c: data.items[1]: ENC[PKCS7,…] is an eyaml token, and those are opened in values of a v1 Secret only; put it in a Secret, or let the operator allow it (--eyaml-kind ConfigMap)
    app.yaml:13:8: ConfigMap/c: data.cut: ENC[…] begins a sealed value, and no whole one of a known kind follows; open it before it is committed, write the text without `ENC[`, or keep the object sealed (--keep-sealed-kind, --keep-sealed-path)
    app.yaml:14:10: ConfigMap/c: data.short: ENC[…] begins a sealed value, and no whole one of a known kind follows; open it before it is committed, write the text without `ENC[`, or keep the object sealed (--keep-sealed-kind, --keep-sealed-path)
    app.yaml:15:10: ConfigMap/c: data.other: ENC[…] begins a sealed value, and no whole one of a known kind follows; open it before it is committed, write the text without `ENC[`, or keep the object sealed (--keep-sealed-kind, --keep-sealed-path)
    app.yaml:16:10: ConfigMap/c: data.prose: ENC[…] begins a sealed value, and no whole one of a known kind follows; open it before it is committed, write the text without `ENC[`, or keep the object sealed (--keep-sealed-kind, --keep-sealed-path)
    "#);
}

#[test]
fn base64_of_a_secret_is_looked_into() {
    use base64::Engine as _;
    let encode = |text: &str| base64::prelude::BASE64_STANDARD.encode(text);
    let text = format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\ndata:\n  a: {}\n  b: {}\n  c: {}\n",
        encode(&token("aes256")),
        encode("password: ENC[AES256_GCM,data:aa==,iv:aa==,tag:aa==,type:str]\n"),
        encode("ENC[... is cut off"),
    );
    insta::assert_snapshot!(left(&text), @r#"
    app.yaml:6:6: Secret/s: data.a: its base64 decodes to text with ENC[PKCS7,…]; put the sealed value itself under stringData instead
    app.yaml:7:6: Secret/s: data.b: its base64 decodes to text with ENC[AES256_GCM,…]; put the sealed value itself under stringData instead
    app.yaml:8:6: Secret/s: data.c: its base64 decodes to text with ENC[…]; put the sealed value itself under stringData instead
    "#);
}

#[test]
fn other_blocks_named_sops_and_other_words_are_no_leftovers() {
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\nsops: {version: 1}\ndata:\n  a: write ENC [...] or (ENC)\n";
    run_objects(
        render_text(text),
        OpenedFiles::default(),
        &DecryptOptions::default(),
    )
    .unwrap();
}
