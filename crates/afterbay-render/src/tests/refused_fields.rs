//! What fields of a kustomization are refused for, with file and line, and with nothing of an object's body.

use afterbay_manifest::TreePath;
use insta::assert_snapshot;

use super::{build, lines, refusal, tree};
use crate::inputs;

const CONFIG_MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cm}\ndata: {password: canary}\n";

/// What a kustomization beside one ConfigMap is refused for.
fn refused(kustomization: &str) -> String {
    let text = format!("resources: [cm.yaml]\n{kustomization}");
    let files = [
        ("kustomization.yaml", text.as_str()),
        ("cm.yaml", CONFIG_MAP),
        ("empty.yaml", "# nothing\n"),
    ];
    let text = refusal(&files, "");
    assert!(!text.contains("canary"), "{text}");
    text
}

#[test]
fn forms_of_fields() {
    assert_snapshot!(
        refused("patches: {a: b}\nimages:\n- name: 5\n- newtga: x\nlabels:\n- pairs: {a: 1}\nreplicas:\n- {name: a, count: many}\n"),
        @r"
    kustomization.yaml:2:10: patches is a map where a list is expected
    kustomization.yaml:4:9: images[0].name is an integer where text is expected
    kustomization.yaml:5:11: images[1].newtga is not a field that kustomize knows; remove it, or correct its name
    kustomization.yaml:7:14: labels[0].pairs.a is an integer where text is expected
    kustomization.yaml:9:20: replicas[0].count is a string where an integer is expected
    "
    );
}

#[test]
fn generators() {
    let text = "configMapGenerator:\n- literals: [a=b]\n- name: a\n  literals: [novalue, k=1, k=2]\n- name: b\n  files: [a=b=c]\n- name: c\n  \
                behavior: merge\n- name: cm\n";
    assert_snapshot!(refused(text), @r#"
    kustomization.yaml:3:3: configMapGenerator: has an entry without name; give it one
    kustomization.yaml:4:3: configMapGenerator: a has a literal that is not key=value
    kustomization.yaml:4:3: configMapGenerator: a has the key "k" twice; remove one
    kustomization.yaml:6:3: configMapGenerator: file "a=b=c" has more than one =; give the file another name
    kustomization.yaml:8:3: configMapGenerator: ConfigMap/c is not there, so it cannot be merged or replaced; take the behavior out, or correct the name
    kustomization.yaml:10:3: configMapGenerator: ConfigMap/cm is there already; set behavior to merge or replace, or give it another name
    "#);
    assert_snapshot!(
        refused("secretGenerator:\n- name: a\n  files: [../../outside, nowhere.txt]\n  envs: ['https://me:token@example.com/x.env']\n"),
        @r#"
    the build needs what is on other machines; copy it into the repository, or have it fetched by `afterbay apply` or `afterbay fetch`:
      kustomization.yaml:3:3: generator file "https://example.com/x.env" holds credentials, which do not belong into a repository; take them out
    kustomization.yaml:3:3: generator file "../../outside": path "../../outside" seen from . leaves the tree; use a path inside the repository
    kustomization.yaml:3:3: generator file "nowhere.txt": nowhere.txt: no such file or directory in this revision
    "#
    );
}

#[test]
fn patches() {
    let text = "patches:\n- patch: '[]'\n- {}\n- patch: '- op: add'\n- patch: '{kind: ConfigMap, metadata: {name: other}}'\n- patch: '{kind: \
                ConfigMap, metadata: {name: cm}}'\n  target: {name: '('}\n- patch: '[{op: replace, path: /data/none, value: 1}]'\n  target: {kind: \
                ConfigMap}\npatchesJson6902:\n- patch: '[]'\n  target: {kind: ConfigMap}\n";
    assert_snapshot!(refused(text));
}

#[test]
fn the_rest() {
    let text = "replicas:\n- {name: none, count: 1}\nreplacements:\n- source: {kind: Secret}\n  targets: [{select: {kind: ConfigMap}}]\n- source: \
                {kind: ConfigMap, fieldPath: data.none}\n  targets: [{select: {kind: ConfigMap}}]\n- source: {kind: ConfigMap, fieldPath: \
                data.password}\n  targets: [{select: {kind: ConfigMap}, fieldPaths: [spec.none]}]\nvars:\n- {name: A, objref: {kind: Secret, \
                apiVersion: v1, name: none}}\nsortOptions: {order: other}\nopenapi: {version: v1.30.0}\nlabels:\n- pairs: {a: b}\n  fields: [{path: \
                metadata/labels}]\n";
    assert_snapshot!(refused(text));
}

#[test]
fn components_and_kustomizations_are_told_apart() {
    let files = [
        (
            "kustomization.yaml",
            "resources: [component]\ncomponents: [base, file.yaml]\n",
        ),
        ("component/kustomization.yaml", "kind: Component\nresources: []\n"),
        ("base/kustomization.yaml", "resources: []\n"),
        ("file.yaml", ""),
    ];
    assert_snapshot!(refusal(&files, ""), @r#"
    kustomization.yaml:1:13: resource "component" is a Component; list it under components
    kustomization.yaml:2:14: component "base" is a Kustomization; list it under resources, or make it a Component
    kustomization.yaml:2:20: component "file.yaml": file.yaml: is a file where a directory is expected
    "#);
}

#[test]
fn inputs_are_all_files_that_a_build_reads() {
    let files = [
        (
            "kustomization.yaml",
            "resources: [base]\ncomponents: [component]\npatches: [{path: p.yaml}]\npatchesStrategicMerge: [s.yaml]\nsecretGenerator:\n- name: s\n  \
             envs: [s.env]\n  files: [k=s.txt]\nconfigurations: [c.yaml]\ntransformers: [t.yaml]\ngenerators: [plugins]\nreplacements: [{path: \
             r.yaml}]\n",
        ),
        ("base/kustomization.yaml", "{namePrefix: a-}\n"),
        (
            "component/kustomization.yaml",
            "kind: Component\npatches: [{path: ../p.yaml}]\n",
        ),
        ("p.yaml", ""),
        ("s.yaml", ""),
        ("s.env", ""),
        ("s.txt", ""),
        ("c.yaml", ""),
        (
            "t.yaml",
            "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: t}\npath: nested.yaml\n",
        ),
        ("nested.yaml", ""),
        ("plugins/kustomization.yaml", "resources: [g.yaml]\n"),
        (
            "plugins/g.yaml",
            "apiVersion: builtin\nkind: SecretGenerator\nmetadata: {name: g}\nfiles: [plugin.txt]\n",
        ),
        ("plugin.txt", ""),
        ("r.yaml", "[]\n"),
        ("other.yaml", ""),
    ];
    let found = inputs(&tree(&files), &TreePath::root()).check().unwrap();
    assert_snapshot!(lines(found.iter()), @r"
    kustomization.yaml
    base/kustomization.yaml
    plugins/kustomization.yaml
    plugins/g.yaml
    t.yaml
    c.yaml
    s.env
    s.txt
    s.yaml
    p.yaml
    r.yaml
    plugin.txt
    nested.yaml
    component/kustomization.yaml
    ");
}

#[test]
fn generated_objects_say_which_entry_made_them() {
    let files = [
        ("a/kustomization.yaml", "resources: [../b]\n"),
        (
            "b/kustomization.yaml",
            "configMapGenerator: [{name: c, files: [../c.txt]}]\n",
        ),
        ("c.txt", "x"),
    ];
    let set = build(&files, "a").unwrap();
    assert_eq!(set.objects[0].origin().to_string(), "b/kustomization.yaml:1:22");
}

#[test]
fn builds_that_grow_without_end() {
    let mut doubling = vec![("b0/kustomization.yaml".to_owned(), "namePrefix: a-\n".to_owned())];
    let mut nested = doubling.clone();
    for layer in 1..=24 {
        let below = layer - 1;
        doubling.push((
            format!("b{layer}/kustomization.yaml"),
            format!("resources: [../b{below}, ../b{below}]\n"),
        ));
    }
    for layer in 1..=150 {
        let below = layer - 1;
        nested.push((
            format!("b{layer}/kustomization.yaml"),
            format!("resources: [../b{below}]\n"),
        ));
    }
    let refused = |files: &[(String, String)], path: &str| {
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
            .collect();
        refusal(&files, path)
    };
    let text = refused(&doubling, "b24");
    assert!(
        text.ends_with(
            "reads more than 20000 kustomization files, each as often as it is listed, which is the limit"
        ),
        "{text}"
    );
    let text = refused(&nested, "b150");
    assert!(
        text.ends_with("are nested more than 100 deep, which is the limit"),
        "{text}"
    );
}
