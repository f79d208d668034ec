//! What a build says about where its objects come from.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use afterbay_manifest::{Object, Provenance, Revision, TreePath};

use super::{build, lines, tree, tree_from_disk};
use crate::specification;
use crate::substitute::Variables;
use crate::{Explained, Explanation, Options, Source, Specification, explain, inputs_specified};

/// As people could read it, with every detail.
fn told(explanation: &Explanation) -> String {
    let mut text = String::new();
    for (mark, objects) in [("", &explanation.objects), ("removed ", &explanation.removed)] {
        for Explained {
            object,
            source,
            listed,
            changes,
        } in objects
        {
            let _ = writeln!(text, "{mark}{object}");
            let _ = match source {
                Source::File(origin) => writeln!(text, "  {origin} document {}", origin.document),
                Source::Generator {
                    generator,
                    place,
                    files,
                } => writeln!(
                    text,
                    "  {place} {generator} [{}]",
                    lines(files).replace('\n', " ")
                ),
            };
            for place in listed {
                let _ = writeln!(text, "  listed {place}");
            }
            for change in changes {
                let place = change.place.as_ref().map(ToString::to_string);
                let file = change.file.as_ref().map(ToString::to_string);
                let _ = writeln!(
                    text,
                    "  {} {} {} {}",
                    change.step,
                    place.unwrap_or_default(),
                    file.unwrap_or_default(),
                    lines(&change.fields).replace('\n', " ")
                );
            }
        }
    }
    text
}

const OVERLAY: &[(&str, &str)] = &[
    (
        "base/kustomization.yaml",
        "resources:\n- web.yaml\nconfigMapGenerator:\n- name: settings\n  envs: [settings.env]\n",
    ),
    ("base/settings.env", "LEVEL=canary\n"),
    (
        "base/web.yaml",
        "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}\n---\n\
         apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n      containers:\n      \
         - name: server\n        image: server:1\n        envFrom:\n        - configMapRef: {name: settings}\n",
    ),
    (
        "component/kustomization.yaml",
        "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [extra.yaml]\n\
         patchesStrategicMerge:\n- replicas.yaml\n- |-\n  apiVersion: v1\n  kind: Service\n  metadata: {name: web}\n  $patch: delete\n",
    ),
    (
        "component/extra.yaml",
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: extra}\n",
    ),
    (
        "component/replicas.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 3}\n",
    ),
    (
        "prod/kustomization.yaml",
        "resources: [../base, local.yaml]\ncomponents: [../component]\nnamespace: shop\nnamePrefix: blue-\n\
         commonAnnotations: {note: canary}\nlabels:\n- pairs: {a: canary}\nimages:\n- name: none\n  newTag: canary\n\
         - {name: server, newTag: canary}\n\
         configMapGenerator:\n- name: settings\n  behavior: merge\n  literals: [MORE=canary]\n\
         patches:\n- target: {kind: Deployment}\n  patch: |-\n    - {op: add, path: /spec/paused, value: true}\n\
         transformers:\n- |-\n  apiVersion: builtin\n  kind: AnnotationsTransformer\n  metadata: {name: t}\n  annotations: {t: canary}\n  \
         fieldSpecs: [{path: metadata/annotations, create: true}]\n",
    ),
    (
        "prod/local.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: local\n  annotations: {config.kubernetes.io/local-config: \"true\"}\n",
    ),
];

#[test]
fn every_object_has_its_story() {
    let tree = tree(OVERLAY);
    let prod = TreePath::parse("prod").unwrap();
    let (set, explanation) = explain(
        &tree,
        &prod,
        Revision::UNKNOWN,
        Options::default(),
        &Specification::default(),
    )
    .unwrap();
    let text = told(&explanation);
    assert!(!text.contains("canary"), "{text}");
    insta::assert_snapshot!(text);
    let names: Vec<_> = set.objects.iter().map(Object::reference).collect();
    let explained: Vec<_> = explanation.objects.iter().map(|told| &told.object).collect();
    assert_eq!(names, explained);
}

#[test]
fn a_build_without_kustomization_file_and_one_with_metadata() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n";
    for (name, files) in [
        ("flux", &[("a/web.yaml", service)][..]),
        (
            "metadata",
            &[
                ("web.yaml", service),
                (
                    "kustomization.yaml",
                    "resources: [web.yaml]\nbuildMetadata: [originAnnotations]\n",
                ),
            ],
        ),
    ] {
        let tree = tree(files);
        let (_, explanation) = explain(
            &tree,
            &TreePath::root(),
            Revision::UNKNOWN,
            Options::default(),
            &Specification::default(),
        )
        .unwrap();
        insta::assert_snapshot!(name, told(&explanation));
    }
}

/// What is asked from outside is named as what it is, and no file that is not there.
#[test]
fn what_is_asked_from_outside_is_named() {
    let config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 'c-${env}'}\n";
    let mut variables = Variables::new();
    variables.insert("env", "canary", Provenance::PLAIN).unwrap();
    let specification = Specification {
        target_namespace: Some("prod".to_owned()),
        patches: vec![specification::Patch {
            name: "patch.yaml, entry 1".to_owned(),
            patch: "- {op: add, path: /data, value: {a: b}}".to_owned(),
            target: Some(specification::Selector::default()),
        }],
        build_metadata: vec![specification::BuildMetadata::OriginAnnotations],
        common_labels: BTreeMap::from([("team".to_owned(), "shop".to_owned())]),
        post_build: Some(specification::PostBuild {
            variables,
            ..specification::PostBuild::default()
        }),
        ..Specification::default()
    };
    let file = "resources: [c.yaml]\nnamespace: other\nbuildMetadata: [managedByLabel]\n";
    for (name, files) in [
        ("specified", &[("c.yaml", config)][..]),
        (
            "specified_beside_a_file",
            &[("c.yaml", config), ("kustomization.yaml", file)],
        ),
    ] {
        let (tree, root) = (tree(files), TreePath::root());
        let options = Options::default();
        let (set, explanation) = explain(&tree, &root, Revision::UNKNOWN, options, &specification).unwrap();
        assert_eq!(&explanation.objects[0].object, set.objects[0].reference());
        insta::assert_snapshot!(name, told(&explanation));
        let read = inputs_specified(&tree, &root, &specification).len();
        assert_eq!(read, files.len());
    }
}

/// To watch a build changes nothing in it, and no object is left without a story.
#[test]
fn what_is_explained_is_what_is_built() {
    let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/render"));
    let mut count = 0;
    for case in std::fs::read_dir(root).unwrap() {
        let case = case.unwrap().path();
        if !case.join("input").is_dir() {
            continue;
        }
        let tree = tree_from_disk(&case);
        let path = TreePath::parse("input").unwrap();
        let Ok(plain) = crate::render(&tree, &path, Revision::UNKNOWN) else {
            continue;
        };
        let (set, explanation) = explain(
            &tree,
            &path,
            Revision::UNKNOWN,
            Options::default(),
            &Specification::default(),
        )
        .unwrap();
        assert_eq!(set.objects, plain.objects, "{}", case.display());
        assert_eq!(
            explanation.objects.len(),
            plain.objects.len(),
            "{}",
            case.display()
        );
        count += 1;
    }
    assert!(count >= 60, "{count}");
    assert!(build(OVERLAY, "prod").is_ok());
}
