//! Every way an opened value can take through a build: wherever it ends, its origin is with it.

use afterbay_manifest::yaml::{Document, Element, ElementKind, Pair, parse};
use afterbay_manifest::{
    FileTree, Integrity, KeyPath, Node, Provenance, Revision, Scalar, Sealed, SecretBytes, TreePath,
};

use super::tree;
use crate::{inputs, render};

/// What the sealed text of a test is opened to.
const CANARY: &str = "canary-7f3a";

/// A tree in which the text `sealed` of some files was opened.
pub(super) fn opened(files: &[(&str, &str)], sealed: &[&str]) -> FileTree {
    let mut tree = tree(files);
    for name in sealed {
        let path = TreePath::parse(name).unwrap();
        let (_, text) = files.iter().find(|(file, _)| file == name).unwrap();
        let provenance = Provenance::sealed(Sealed::Ciphertext {
            file: path.clone(),
            document: 0,
            path: KeyPath::root(),
            integrity: Integrity::Verified,
        });
        let mut documents = parse(text.as_bytes()).unwrap_or_default();
        for document in &mut documents {
            open_document(document, &provenance);
        }
        let text = text.replace("sealed", CANARY);
        tree.lay_over(&path, SecretBytes::new(text.into_bytes()), documents, provenance)
            .unwrap();
    }
    tree
}

fn open_document(document: &mut Document, provenance: &Provenance) {
    if let Some(root) = &mut document.root {
        open(root, provenance);
    }
}

fn open(element: &mut Element, provenance: &Provenance) {
    match &mut element.kind {
        ElementKind::Text(text) if text.text.contains("sealed") => {
            let text = text.text.replace("sealed", CANARY);
            element.kind = ElementKind::Opened(Scalar::String(text), provenance.clone());
        }
        ElementKind::Mapping(pairs) => {
            for pair in pairs {
                if let Pair::Entry { value, .. } = pair {
                    open(value, provenance);
                }
            }
        }
        ElementKind::Sequence(items) => {
            for item in items {
                if let afterbay_manifest::yaml::Item::Element(item) = item {
                    open(item, provenance);
                }
            }
        }
        _ => {}
    }
}

/// Where the canary ends, `PLAIN` where its origin got lost; and that it ends somewhere.
fn ends(files: &[(&str, &str)], sealed: &[&str]) -> Vec<String> {
    let tree = opened(files, sealed);
    let set = render(&tree, &TreePath::root(), Revision::UNKNOWN).unwrap();
    let mut ends = Vec::new();
    for object in &set.objects {
        object.body().leaves(&mut |path, node: &Node| {
            let text = node.expose_spelling().unwrap_or_default();
            let bytes = base64_of(&text);
            if text.contains(CANARY) || bytes.contains(CANARY) {
                let lost = if node.provenance.is_plain() { " PLAIN" } else { "" };
                ends.push(format!("{} {path}{lost}", object.reference()));
            }
        });
    }
    assert!(!format!("{set:#?}").contains("canary"));
    ends
}

fn base64_of(text: &str) -> String {
    use base64::Engine as _;
    let joined: String = text.split_whitespace().collect();
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(joined)
        .unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

const SECRET: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {password: sealed}\n";
const CONFIG_MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cm}\ndata: {url: 'x:y', json: '{\"a\": {\"b\": \"c\"}}'}\n";
const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec:\n  template:\n    spec:\n      \
                          containers: [{name: c, args: ['--password=$(PASSWORD)', $(PASSWORD)]}]\n";

#[test]
fn through_generators() {
    let kustomization = "secretGenerator:\n- name: a\n  envs: [a.env]\n- name: f\n  files: [a.txt, k=a.txt]\nconfigMapGenerator:\n- \
                         name: b\n  files: [a.txt]\n  options: {disableNameSuffixHash: true}\ngeneratorOptions: {disableNameSuffixHash: true}\n";
    let files = [
        ("kustomization.yaml", kustomization),
        ("a.env", "A=sealed\n"),
        ("a.txt", "sealed"),
    ];
    assert_eq!(
        ends(&files, &["a.env", "a.txt"]),
        [
            "ConfigMap/b data[\"a.txt\"]",
            "Secret/a data.A",
            "Secret/f data[\"a.txt\"]",
            "Secret/f data.k"
        ]
    );
    let listed: Vec<String> = inputs(&tree(&files), &TreePath::root())
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(listed, ["kustomization.yaml", "a.txt", "a.env"]);
}

#[test]
fn through_generators_that_merge() {
    let base = "secretGenerator:\n- name: a\n  envs: [a.env]\n";
    let top = "resources: [base]\nsecretGenerator:\n- name: a\n  behavior: merge\n  literals: [B=plain]\n  options: {disableNameSuffixHash: true}\n";
    let files = [
        ("kustomization.yaml", top),
        ("base/kustomization.yaml", base),
        ("base/a.env", "A=sealed\n"),
    ];
    assert_eq!(ends(&files, &["base/a.env"]), ["Secret/a data.A"]);
    let kustomization =
        "resources: [s.yaml]\nsecretGenerator:\n- name: db\n  behavior: merge\n  literals: [B=plain]\n";
    let files = [("kustomization.yaml", kustomization), ("s.yaml", SECRET)];
    assert_eq!(ends(&files, &["s.yaml"]), ["Secret/db data.password"]);
}

#[test]
fn through_patches() {
    let patch = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cm}\ndata: {password: sealed}\n";
    let operations = "- {op: add, path: /data/list, value: [{a: sealed}]}\n- {op: copy, from: /data/list, path: /data/copy}\n";
    let kustomization = "resources: [cm.yaml]\npatches:\n- path: p.yaml\n- path: o.yaml\n  target: {kind: ConfigMap}\n- path: p.yaml\n  \
                         target: {name: cm}\npatchesStrategicMerge: [p.yaml]\npatchesJson6902:\n- path: o.yaml\n  target: {version: v1, kind: \
                         ConfigMap, name: cm}\n";
    let files = [
        ("kustomization.yaml", kustomization),
        ("cm.yaml", CONFIG_MAP),
        ("p.yaml", patch),
        ("o.yaml", operations),
    ];
    assert_eq!(
        ends(&files, &["p.yaml", "o.yaml"]),
        [
            "ConfigMap/cm data.password",
            "ConfigMap/cm data.list[0].a",
            "ConfigMap/cm data.copy[0].a"
        ]
    );
}

#[test]
fn through_a_change_of_kind() {
    let kustomization = "resources: [s.yaml]\npatches:\n- patch: '{kind: ConfigMap, metadata: {name: db}}'\n  target: {kind: Secret}\n  \
                         options: {allowKindChange: true}\n";
    let files = [("kustomization.yaml", kustomization), ("s.yaml", SECRET)];
    assert_eq!(ends(&files, &["s.yaml"]), ["ConfigMap/db stringData.password"]);
}

#[test]
fn through_replacements() {
    let kustomization = "resources: [s.yaml, cm.yaml, d.yaml]\nreplacements:\n- source: {kind: Secret, fieldPath: stringData.password}\n  \
                         targets:\n  - select: {kind: ConfigMap}\n    fieldPaths: [data.new, metadata.annotations.note]\n    options: {create: \
                         true}\n  - select: {kind: ConfigMap}\n    fieldPaths: [data.url]\n    options: {delimiter: ':', index: 1}\n  - select: \
                         {kind: ConfigMap}\n    fieldPaths: [data.json.a.b]\n- source: {kind: Secret, fieldPath: stringData}\n  targets:\n  - \
                         select: {kind: Deployment}\n    fieldPaths: [spec.extra]\n    options: {create: true}\n- source: {kind: Secret, \
                         fieldPath: stringData.password, options: {delimiter: '~', index: 0}}\n  targets:\n  - select: {kind: Deployment}\n    \
                         fieldPaths: [spec.template.spec.containers.*.name]\n";
    let files = [
        ("kustomization.yaml", kustomization),
        ("s.yaml", SECRET),
        ("cm.yaml", CONFIG_MAP),
        ("d.yaml", DEPLOYMENT),
    ];
    assert_eq!(
        ends(&files, &["s.yaml"]),
        [
            "Secret/db stringData.password",
            "ConfigMap/cm metadata.annotations.note",
            "ConfigMap/cm data.url",
            "ConfigMap/cm data.json",
            "ConfigMap/cm data.new",
            "Deployment.apps/d spec.template.spec.containers[0].name",
            "Deployment.apps/d spec.extra.password"
        ]
    );
}

#[test]
fn through_variables() {
    let kustomization = "resources: [s.yaml, d.yaml]\nvars:\n- name: PASSWORD\n  objref: {apiVersion: v1, kind: Secret, name: db}\n  \
                         fieldref: {fieldPath: stringData.password}\n";
    let files = [
        ("kustomization.yaml", kustomization),
        ("s.yaml", SECRET),
        ("d.yaml", DEPLOYMENT),
    ];
    assert_eq!(
        ends(&files, &["s.yaml"]),
        [
            "Secret/db stringData.password",
            "Deployment.apps/d spec.template.spec.containers[0].args[0]",
            "Deployment.apps/d spec.template.spec.containers[0].args[1]"
        ]
    );
}

#[test]
fn through_everything_that_only_moves_objects() {
    let base = "resources: [s.yaml]\nnamespace: prod\nnamePrefix: a-\ncommonLabels: {app: x}\n";
    let top = "resources: [base]\nnameSuffix: -b\ncommonAnnotations: {note: yy}\ncomponents: [component]\nsortOptions: {order: legacy}\n\
               buildMetadata: [originAnnotations, transformerAnnotations]\n";
    let files = [
        ("kustomization.yaml", top),
        ("base/kustomization.yaml", base),
        ("base/s.yaml", SECRET),
        (
            "component/kustomization.yaml",
            "kind: Component\nlabels: [{pairs: {l: m}}]\n",
        ),
    ];
    assert_eq!(
        ends(&files, &["base/s.yaml"]),
        ["Secret/prod/a-db-b stringData.password"]
    );
}

#[test]
fn no_error_shows_an_opened_value() {
    let patch = "kind: ConfigMap\nmetadata: {name: cm}\ndata: sealed\n";
    let kustomization = "resources: [s.yaml, cm.yaml]\npatches:\n- path: p.yaml\n  target: {kind: ConfigMap}\nreplacements:\n- source: {kind: \
                         Secret, fieldPath: stringData.password}\n  targets:\n  - select: {kind: Secret}\n    fieldPaths: [nowhere]\n  - \
                         select: {kind: ConfigMap}\n    fieldPaths: [count]\n";
    let files = [
        ("kustomization.yaml", kustomization),
        ("s.yaml", SECRET),
        (
            "cm.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cm}\ndata: {a: b}\ncount: 5\n",
        ),
        ("p.yaml", patch),
    ];
    let tree = opened(&files, &["s.yaml", "p.yaml"]);
    let errors = render(&tree, &TreePath::root(), Revision::UNKNOWN).unwrap_err();
    let text = format!("{errors}\n{errors:?}");
    assert!(errors.0.len() >= 2 && !text.contains("canary"), "{text}");
}
