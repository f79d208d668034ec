//! What is built, beyond what kustomize can be asked: Flux's rule, the list of inputs, warnings.

use afterbay_manifest::{Revision, TreePath};
use insta::assert_snapshot;

use super::{build, lines, listing, tree};
use crate::inputs;

fn config_map(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n")
}

fn input_paths(files: &[(&str, &str)], path: &str) -> String {
    let inputs = inputs(&tree(files), &TreePath::parse(path).unwrap())
        .check()
        .unwrap();
    lines(inputs.iter())
}

#[test]
fn a_directory_without_kustomization_file_is_walked() {
    let one = config_map("one");
    let two = config_map("two");
    let three = config_map("three");
    let four = config_map("four");
    let files = [
        ("app/b.yaml", &one[..]),
        ("app/b/c.yml", &two),
        ("app/.hidden.yaml", &three),
        ("app/readme.md", "no YAML"),
        ("app/data.json", "{}"),
        (
            "app/sub/kustomization.yaml",
            "resources: [deep/x.yaml]\nnamespace: moved\n",
        ),
        ("app/sub/deep/x.yaml", &four),
        ("app/sub/not-listed.yaml", "not: an object"),
        ("app/.sops.yaml", "creation_rules: []"),
        ("app/.github/workflow.yaml", "on: push"),
        ("outside.yaml", "not: an object"),
    ];
    assert_snapshot!(listing(&build(&files, "app").unwrap()), @r"
    app/.hidden.yaml:1:1 ConfigMap/three
    app/b/c.yml:1:1 ConfigMap/two
    app/b.yaml:1:1 ConfigMap/one
    app/sub/deep/x.yaml:1:1 ConfigMap/moved/four
    ");
    assert_snapshot!(input_paths(&files, "app"), @r"
    app/.hidden.yaml
    app/b/c.yml
    app/b.yaml
    app/sub/kustomization.yaml
    app/sub/deep/x.yaml
    ");
}

#[test]
fn an_empty_directory_is_an_empty_set_with_a_warning() {
    let set = build(
        &[
            ("app/readme.md", "nothing"),
            ("app/.sourceignore", "*.md"),
            (".sourceignore", ""),
        ],
        "app",
    )
    .unwrap();
    assert!(set.objects.is_empty());
    let warnings = lines(&set.warnings);
    assert_snapshot!(warnings, @r"
    app: no kustomization file and no .yaml or .yml file below, so nothing is built
    app/.sourceignore: is not applied; a directory without kustomization file builds every YAML file below it, so list the files in a kustomization.yaml instead
    .sourceignore: is not applied; a directory without kustomization file builds every YAML file below it, so list the files in a kustomization.yaml instead
    ");
}

#[test]
fn an_empty_kustomization_file_of_the_build_is_an_empty_set_with_a_warning() {
    let set = build(
        &[
            (
                "kustomization.yaml",
                "apiVersion: kustomize.config.k8s.io/v1beta1\n",
            ),
            ("a.yaml", "x: y"),
        ],
        "",
    )
    .unwrap();
    assert!(set.objects.is_empty());
    let warnings = lines(&set.warnings);
    assert_snapshot!(warnings, @"kustomization.yaml: the kustomization file lists nothing, so nothing is built");
}

#[test]
fn inputs_are_the_files_of_the_build_once_and_in_order() {
    let files = [
        (
            "prod/kustomization.yaml",
            "resources: [../base, more.yaml, ../base/cm.yaml]\n",
        ),
        ("prod/more.yaml", "anything: it is not read"),
        ("prod/other.yaml", ""),
        ("base/kustomization.yml", "resources: [cm.yaml, second]\n"),
        ("base/cm.yaml", "- not\n- an object"),
        ("base/second/Kustomization", "resources: [a.json]\n"),
        ("base/second/a.json", "{"),
    ];
    assert_snapshot!(input_paths(&files, "prod"), @r"
    prod/kustomization.yaml
    base/kustomization.yml
    base/cm.yaml
    base/second/Kustomization
    base/second/a.json
    prod/more.yaml
    ");
}

#[test]
fn positions_point_at_the_object_also_in_lists() {
    let text = "# comment\napiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: one}\n\
                - {apiVersion: v1, kind: ConfigMap, metadata: {name: two}}\n";
    assert_snapshot!(listing(&build(&[("list.yaml", text)], "").unwrap()), @r"
    list.yaml:5:3 ConfigMap/one
    list.yaml:8:3 ConfigMap/two
    ");
}

#[test]
fn scalars_that_two_tools_read_differently_are_named() {
    let text = format!(
        "{}data:\n  debug: yes\n  since: 2024-01-02\n  mode: 0644\n",
        config_map("a")
    );
    let set = build(&[("a.yaml", &text)], "").unwrap();
    let warnings = lines(&set.warnings);
    assert_snapshot!(warnings, @r#"
    a.yaml:5:10: yes without quotes is the text "yes" to kustomize and true to kubectl; quote it, or write the value that is meant
    a.yaml:6:10: 2024-01-02 without quotes is the text "2024-01-02T00:00:00Z" to kustomize and the text "2024-01-02" to kubectl; quote it, or write the value that is meant
    "#);
}

#[test]
fn the_same_input_gives_the_same_output() {
    let files = [("b.yaml", &config_map("b")[..]), ("a.yaml", &config_map("a")[..])];
    assert_eq!(
        listing(&build(&files, "").unwrap()),
        listing(&build(&files, "").unwrap())
    );
}

#[test]
fn large_and_nasty_files_end_in_time() {
    let objects = (0..5000).map(|index| config_map(&format!("c{index}")) + "data: {debug: yes}\n---");
    let many = lines(objects);
    let set = build(&[("many.yaml", &many)], "").unwrap();
    assert_eq!((set.objects.len(), set.warnings.len()), (5000, 5000));

    let nameless = "---\nkind: ConfigMap\n".repeat(5000);
    assert_eq!(
        build(&[("nameless.yaml", &nameless)], "").unwrap_err().0.len(),
        5000
    );

    let long = format!(
        "{}data:\n  text: |\n{}",
        config_map("long"),
        "    line\n".repeat(50_000)
    );
    assert_eq!(build(&[("long.yaml", &long)], "").unwrap().objects.len(), 1);

    let deep = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: deep}}\ndata: {}",
        "[".repeat(10_000)
    );
    assert!(build(&[("deep.yaml", &deep)], "").is_err());
    assert!(build(&[("list.yaml", &"{kind: List, items: [".repeat(10_000))], "").is_err());
}

#[test]
fn a_base_that_two_overlays_list_is_warned_about_once() {
    let text = format!("{}data: {{debug: yes}}\n", config_map("a"));
    let files = [
        ("kustomization.yaml", "resources: [one, two]\n"),
        ("one/kustomization.yaml", "resources: [../base]\nnamespace: one\n"),
        ("two/kustomization.yaml", "resources: [../base]\nnamespace: two\n"),
        ("base/kustomization.yaml", "resources: [a.yaml]\n"),
        ("base/a.yaml", &text),
    ];
    let set = build(&files, "").unwrap();
    assert_eq!((set.objects.len(), set.warnings.len()), (2, 1));
}

/// What did not open is left out, and what is wrong with the rest is said.
#[test]
fn files_left_sealed_are_left_out() {
    let mut tree = tree(&[
        (
            "a.yaml",
            "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nsops: {}\n",
        ),
        ("b.yaml", "kind: B\n"),
        ("c.yaml", "apiVersion: v1\nkind: C\nmetadata: {name: c}\n"),
    ]);
    tree.leave_sealed(&TreePath::parse("a.yaml").unwrap());
    let (set, errors) = crate::attempt(&tree, &TreePath::root(), Revision::UNKNOWN);
    assert_eq!(listing(&set), "c.yaml:1:1 C/c");
    assert_eq!(
        errors.unwrap().to_string(),
        "b.yaml:1:1: apiVersion is missing; every Kubernetes object needs apiVersion, kind and metadata.name as text"
    );
}

/// A kustomization file that is wrong hides neither its neighbors nor the files it lists.
#[test]
fn a_wrong_kustomization_file_hides_nothing() {
    let files = [
        (
            "kustomization.yaml",
            "resources: [a.yaml, b.yaml, gone.yaml]\nhelmCharts: [{name: x}]\n",
        ),
        ("a.yaml", "kind: A\n"),
        ("b.yaml", "apiVersion: v1\nkind: B\nmetadata: {name: b}\n"),
    ];
    let tree = tree(&files);
    let listed = inputs(&tree, &TreePath::root());
    assert_eq!(lines(listed.iter()), "kustomization.yaml\na.yaml\nb.yaml");
    assert_eq!(listed.check().unwrap_err().0.len(), 2);
    let (set, errors) = crate::attempt(&tree, &TreePath::root(), Revision::UNKNOWN);
    assert_eq!(listing(&set), "b.yaml:1:1 B/b");
    assert_eq!(errors.unwrap().0.len(), 3);
}
