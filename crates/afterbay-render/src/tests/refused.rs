//! What is refused, with the text a person reads.

use afterbay_manifest::yaml::{Document, Element, ElementKind};
use afterbay_manifest::{FileTree, Integrity, KeyPath, Provenance, Revision, Sealed, SecretBytes, TreePath};
use insta::assert_snapshot;

use super::{refusal, tree};
use crate::{inputs, render};

const CONFIG_MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n";

#[test]
fn paths_of_the_build() {
    let files = [("app/cm.yaml", CONFIG_MAP)];
    assert_snapshot!(refusal(&files, "nowhere"), @"cannot build nowhere: nowhere: no such file or directory in this revision");
    assert_snapshot!(refusal(&files, "app/cm.yaml"), @"cannot build app/cm.yaml: app/cm.yaml: is a file where a directory is expected");
    assert_snapshot!(TreePath::parse("../..").unwrap_err(), @r#"path "../.." seen from . leaves the tree; use a path inside the repository"#);
}

#[test]
fn unsupported_fields_of_the_whole_build_are_one_error() {
    let files = [
        (
            "prod/kustomization.yaml",
            "resources:\n- ../base\nhelmCharts:\n- name: web\nhelmGlobals: {}\n",
        ),
        (
            "base/kustomization.yaml",
            "resources:\n- cm.yaml\npathces: []\nhelmGlobals: {chartHome: x}\ngenerators:\n- function.yaml\n",
        ),
        ("base/cm.yaml", CONFIG_MAP),
        (
            "base/function.yaml",
            "apiVersion: v1\nkind: Function\nmetadata: {name: f}\n",
        ),
    ];
    assert_snapshot!(refusal(&files, "prod"), @r"
    the build needs fields that are not supported yet; apply what `kustomize build` prints with `afterbay apply -f -`, or remove them:
      prod/kustomization.yaml:3:1: helmCharts
      base/kustomization.yaml:3:1: pathces (no such field in kustomize either)
      base/kustomization.yaml:4:1: helmGlobals
    ");
    let files = [
        ("kustomization.yaml", "generators:\n- function.yaml\n"),
        (
            "function.yaml",
            "apiVersion: v1\nkind: Function\nmetadata: {name: f}\n",
        ),
    ];
    assert_snapshot!(refusal(&files, ""), @r#"
    the build needs fields that are not supported yet; apply what `kustomize build` prints with `afterbay apply -f -`, or remove them:
      function.yaml:1:1: generators: Function of "v1"
    "#);
}

#[test]
fn entries_that_lead_nowhere() {
    let files = [
        (
            "prod/kustomization.yaml",
            "resources:\n- missing.yaml\n- ../../outside.yaml\n- ''\n- null\n- /etc/passwd\n- ../base\n- ../base - ../more\n\
             - https://me:secret@example.com/x.yaml\n- git@github.com:org/repo//base?ref=v1\n- github.com/org/repo\n- 12\n",
        ),
        ("base/cm.yaml", CONFIG_MAP),
    ];
    assert_snapshot!(refusal(&files, "prod"), @r#"
    prod/kustomization.yaml:12:3: resources[10] is an integer where a path is expected
    prod/kustomization.yaml:2:3: resource "missing.yaml": prod/missing.yaml: no such file or directory in this revision
    prod/kustomization.yaml:3:3: resource "../../outside.yaml": path "../../outside.yaml" seen from prod leaves the tree; use a path inside the repository
    prod/kustomization.yaml:4:3: resource "" is empty; name a file or a directory
    prod/kustomization.yaml:5:3: resource "" is empty; name a file or a directory
    prod/kustomization.yaml:6:3: resource "/etc/passwd": path "/etc/passwd" seen from prod leaves the tree; use a path inside the repository
    prod/kustomization.yaml:7:3: resource "../base" is a directory without kustomization.yaml, kustomization.yml or Kustomization; list its files, or give it one
    prod/kustomization.yaml:8:3: resource "../base - ../more" has ".." inside a name; two list entries that ran together look like this, check the indentation
    the build needs what is on other machines; copy it into the repository, or have it fetched by `afterbay apply` or `afterbay fetch`:
      prod/kustomization.yaml:9:3: resource "https://example.com/x.yaml" holds credentials, which do not belong into a repository; take them out
      prod/kustomization.yaml:10:3: resource "git@github.com:org/repo//base?ref=v1" is fetched over https only; use the https:// address of the repository, with ?ref= and a full commit id
      prod/kustomization.yaml:11:3: resource "github.com/org/repo" is not pinned; end the address of a repository with ?ref= and a full commit id, 40 digits
    "#);
}

#[test]
fn links_that_lead_nowhere() {
    let mut tree = tree(&[(
        "kustomization.yaml",
        "resources: [out.yaml, loop.yaml, gone.yaml, module]\n",
    )]);
    tree.insert_link(TreePath::parse("out.yaml").unwrap(), "../../etc/passwd");
    tree.insert_link(TreePath::parse("loop.yaml").unwrap(), "loop.yaml");
    tree.insert_link(TreePath::parse("gone.yaml").unwrap(), "nowhere.yaml");
    tree.insert_submodule(TreePath::parse("module").unwrap(), "0123");
    let errors = render(&tree, &TreePath::root(), Revision::UNKNOWN).unwrap_err();
    assert_snapshot!(errors, @r#"
    kustomization.yaml:1:13: resource "out.yaml": path "../../etc/passwd" seen from . leaves the tree; use a path inside the repository
    kustomization.yaml:1:23: resource "loop.yaml": loop.yaml: too many levels of symbolic links
    kustomization.yaml:1:34: resource "gone.yaml": gone.yaml: no such file or directory in this revision
    kustomization.yaml:1:45: resource "module": module: is a submodule, and submodules are not fetched
    "#);
}

#[test]
fn cycles() {
    let files = [
        ("kustomization.yaml", "resources:\n- a\n"),
        ("a/kustomization.yaml", "resources:\n- ../b\n- .\n- ..\n"),
        ("b/kustomization.yaml", "resources:\n- ../a\n"),
    ];
    assert_snapshot!(refusal(&files, "a"), @r#"
    b/kustomization.yaml:2:3: resource "../a" is a cycle: it leads to a, which is or holds a, where this build comes from; a base must lie beside or below what builds on it
    a/kustomization.yaml:3:3: resource "." is a cycle: it leads to a, which is or holds a, where this build comes from; a base must lie beside or below what builds on it
    a/kustomization.yaml:4:3: resource ".." is a cycle: it leads to ., which is or holds a, where this build comes from; a base must lie beside or below what builds on it
    "#);
}

#[test]
fn forms_of_the_kustomization_file() {
    let files = [(
        "kustomization.yaml",
        "apiVersion: kustomize.config.k8s.io/v1\nkind: Kustomisation\nmetadata: {name: 1, owner: me, labels: {a: 1}}\n\
         resources: cm.yaml\nnamespace: [a]\nNameSpace: b\n",
    )];
    assert_snapshot!(refusal(&files, ""), @r#"
    kustomization.yaml:6:1: NameSpace is the same field as the one on line 5; kustomize reads keys without regard to case
    kustomization.yaml:1:1: apiVersion is "kustomize.config.k8s.io/v1" where kustomize.config.k8s.io/v1beta1 is expected
    kustomization.yaml:2:1: kind is "Kustomisation" where Kustomization is expected
    kustomization.yaml:3:18: metadata.name is an integer where text is expected
    kustomization.yaml:3:28: metadata.owner is not a field that kustomize knows; remove it
    kustomization.yaml:3:40: metadata.labels must be a map of text to text; put quotes around the values
    kustomization.yaml:4:1: resources is a string where a list of paths is expected
    kustomization.yaml:5:1: namespace is a list where text is expected
    "#);
    let version = |version: &str, kind: &str| {
        let text = format!("apiVersion: kustomize.config.k8s.io/{version}\n{kind}resources: []\n");
        refusal(&[("kustomization.yaml", &text)], "")
    };
    assert_snapshot!(version("v1alpha1", "kind: Kustomization\n"), @r#"kustomization.yaml:1:1: apiVersion is "kustomize.config.k8s.io/v1alpha1" where kustomize.config.k8s.io/v1beta1 is expected"#);
    assert_snapshot!(version("v1alpha2", ""), @r#"kustomization.yaml:1:1: apiVersion is "kustomize.config.k8s.io/v1alpha2" where kustomize.config.k8s.io/v1beta1 is expected"#);
    assert_snapshot!(version("v1beta1", "kind: Component\n"), @r#"kustomization.yaml:1:1: apiVersion is "kustomize.config.k8s.io/v1beta1" where kustomize.config.k8s.io/v1alpha1 is expected"#);
    assert_snapshot!(refusal(&[("kustomization.yaml", "- a\n")], ""), @"kustomization.yaml:1:1: the kustomization file is a list where a map with resources is expected");
    assert_snapshot!(refusal(&[("kustomization.yaml", "a: [\n")], ""), @"kustomization.yaml:1:4: unclosed bracket '['");
    assert_snapshot!(refusal(&[("kustomization.yaml", "resources: []\n---\nresources: []\n")], ""), @"kustomization.yaml:3:1: a second document is ignored by kustomize; keep one document in a kustomization file");
    assert_snapshot!(refusal(&[("kustomization.yaml", ""), ("Kustomization", "")], ""), @".: has kustomization.yaml and Kustomization; keep one of them, kustomize refuses to choose");
    let nested = [
        ("kustomization.yaml", "resources: [base]\n"),
        ("base/kustomization.yaml", "kind: Kustomization\n"),
    ];
    assert_snapshot!(refusal(&nested, ""), @"base/kustomization.yaml: is empty; list what it builds under resources");
}

#[test]
fn an_encrypted_kustomization_file_before_and_after_it_is_opened() {
    let sealed = "resources: ENC[AES256_GCM,data:x]\nsops:\n  mac: ENC[x]\n  version: 3.13.3\n";
    assert_snapshot!(inputs(&tree(&[("kustomization.yaml", sealed)]), &TreePath::root()).check().unwrap_err(), @"kustomization.yaml: is encrypted; a kustomization file says what to build and must be plain text, encrypt the files it lists");

    let mut opened = tree(&[("kustomization.yaml", sealed)]);
    let path = TreePath::parse("kustomization.yaml").unwrap();
    opened
        .lay_over(
            &path,
            SecretBytes::new(b"canary".to_vec()),
            Vec::new(),
            Provenance::PLAIN,
        )
        .unwrap();
    let errors = render(&opened, &TreePath::root(), Revision::UNKNOWN).unwrap_err();
    assert_snapshot!(errors, @"kustomization.yaml: is encrypted; a kustomization file says what to build and must be plain text, encrypt the files it lists");
}

#[test]
fn objects_without_identity() {
    let files = [
        ("kustomization.yaml", "resources: [a.yaml, b.yaml]\n"),
        (
            "a.yaml",
            "kind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: v1\nmetadata: {name: a}\n---\napiVersion: v1\nkind: ConfigMap\n\
             ---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: 12}\n---\napiVersion: v1\nkind: ConfigMap\n\
             metadata: {generateName: a-}\n---\njust text\n---\n- a list\n",
        ),
        (
            "b.yaml",
            "apiVersion: v1\nkind: ConfigMapList\nitems: {a: b}\n---\na: b: c\n",
        ),
    ];
    assert_snapshot!(refusal(&files, ""), @r"
    a.yaml:1:1: apiVersion is missing; every Kubernetes object needs apiVersion, kind and metadata.name as text
    a.yaml:4:1: kind is missing; every Kubernetes object needs apiVersion, kind and metadata.name as text
    a.yaml:7:1: metadata.name is missing; every Kubernetes object needs apiVersion, kind and metadata.name as text
    a.yaml:10:1: metadata.name is an integer; every Kubernetes object needs apiVersion, kind and metadata.name as text
    a.yaml:14:1: metadata.name is missing; every Kubernetes object needs apiVersion, kind and metadata.name as text
    a.yaml:18:1: a string where a Kubernetes object is expected; an object is a map with apiVersion, kind and metadata.name
    a.yaml:20:1: a list where a Kubernetes object is expected; an object is a map with apiVersion, kind and metadata.name
    b.yaml:5:5: mapping values are not allowed in this context
    ");
}

#[test]
fn text_that_kustomize_would_not_split_or_would_lose() {
    let more = "... \n\n# fine\napiVersion: v1\n";
    let files = [
        ("a.yaml", &format!("{CONFIG_MAP}--- {{a: b}}\n{CONFIG_MAP}")[..]),
        ("b.yaml", &format!("{CONFIG_MAP}{more}")[..]),
    ];
    assert_snapshot!(refusal(&files, ""), @r"
    a.yaml:6:1: did not find expected <document start>
    b.yaml:8:1: kustomize ignores what follows the end mark ...; begin a new document with ---
    b.yaml:8:1: kind is missing; every Kubernetes object needs apiVersion, kind and metadata.name as text
    ");
}

#[test]
fn duplicates_name_both_places() {
    let files = [
        ("kustomization.yaml", "resources: [a.yaml, base]\n"),
        (
            "a.yaml",
            &format!("{CONFIG_MAP}---\n{CONFIG_MAP}  namespace: default\n")[..],
        ),
        ("base/kustomization.yaml", "resources: [cm.yaml]\n"),
        ("base/cm.yaml", CONFIG_MAP),
    ];
    assert_snapshot!(refusal(&files, ""), @r"
    a.yaml:6:1: ConfigMap/default/settings is defined twice, first at a.yaml:1:1; remove one, or give it another name or namespace
    base/cm.yaml:1:1: ConfigMap/settings is defined twice, first at a.yaml:1:1; remove one, or give it another name or namespace
    ");
}

#[test]
fn a_patch_below_that_makes_one_of_two() {
    let rename = "- op: replace\n      path: /metadata/name\n      value: settings\n";
    let middle =
        format!("resources: [cm.yaml]\npatches:\n- target: {{name: other}}\n  patch: |\n    {rename}");
    let objects = format!("{CONFIG_MAP}---\n{}", CONFIG_MAP.replace("settings", "other"));
    let files = [
        ("app/kustomization.yaml", "resources: [../middle]\n"),
        ("middle/kustomization.yaml", middle.as_str()),
        ("middle/cm.yaml", objects.as_str()),
    ];
    assert_snapshot!(refusal(&files, "app"), @"middle/cm.yaml:6:1: ConfigMap/settings is defined twice, first at middle/cm.yaml:1:1; remove one, or give it another name or namespace");
}

#[test]
fn a_patch_that_merges_after_an_operation_made_one_of_two() {
    let objects = format!("{CONFIG_MAP}---\n{}", CONFIG_MAP.replace("settings", "other"));
    let rename = "- op: replace\n      path: /metadata/name\n      value: settings\n";
    let merge = "apiVersion: v1\n      kind: ConfigMap\n      metadata: {name: any}\n      data: {a: b}\n";
    let patches = format!(
        "resources: [cm.yaml]\npatches:\n- target: {{name: other}}\n  patch: |\n    {rename}- target: {{kind: ConfigMap}}\n  patch: |\n      {merge}"
    );
    let files = [
        ("app/kustomization.yaml", patches.as_str()),
        ("app/cm.yaml", objects.as_str()),
    ];
    assert_snapshot!(refusal(&files, "app"), @r#"app/kustomization.yaml:8:3: patches: makes ConfigMap/settings of two objects; give one another name"#);
}

#[test]
fn replacements_without_targets() {
    let files = [
        (
            "app/kustomization.yaml",
            "resources: [cm.yaml]\nreplacements: [{source: {kind: ConfigMap}, targets: []}]\n",
        ),
        ("app/cm.yaml", CONFIG_MAP),
    ];
    assert_snapshot!(refusal(&files, "app"), @r#"app/kustomization.yaml:2:16: replacements: needs a source and targets"#);
}

#[test]
fn a_subject_whose_name_is_no_text() {
    let binding = "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: b}\nsubjects: [{kind: ServiceAccount, name: []}]\n";
    let files = [
        ("app/kustomization.yaml", "resources: [b.yaml]\nnamespace: prod\n"),
        ("app/b.yaml", binding),
    ];
    assert_snapshot!(refusal(&files, "app"), @r#"app/b.yaml:1:1: RoleBinding.rbac.authorization.k8s.io/b: subjects[0].name is a list where text is expected"#);
}

#[test]
fn a_namespace_that_makes_one_of_two() {
    let files = [
        ("kustomization.yaml", "resources: [a.yaml]\nnamespace: prod\n"),
        (
            "a.yaml",
            &format!(
                "{CONFIG_MAP}  namespace: one\n---\n{CONFIG_MAP}  namespace: two\n---\napiVersion: v1\nkind: Namespace\n\
                      metadata: {{name: a}}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: b}}\n"
            )[..],
        ),
    ];
    assert_snapshot!(refusal(&files, ""), @r#"
    kustomization.yaml:2:1: namespace "prod" makes ConfigMap/prod/settings out of two objects, at a.yaml:1:1 and at a.yaml:7:1; rename one of them
    kustomization.yaml:2:1: namespace "prod" makes Namespace/prod out of two objects, at a.yaml:13:1 and at a.yaml:17:1; rename one of them
    "#);
}

#[test]
fn shapes_that_a_namespace_cannot_be_written_into() {
    let files = [
        ("kustomization.yaml", "resources: [a.yaml]\nnamespace: prod\n"),
        (
            "a.yaml",
            "apiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: {name: a}\nspec: text\n---\n\
             apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: a}\nsubjects: [text]\n---\n\
             apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: b}\nsubjects: {a: b}\n---\n\
             apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: c}\nsubjects: [{kind: User}]\n---\n\
             apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: d}\n\
             subjects: [{kind: ServiceAccount, name: a, namespace: 5}]\n",
        ),
    ];
    assert_snapshot!(refusal(&files, ""), @r"
    a.yaml:1:1: APIService.apiregistration.k8s.io/a: spec is a string where a list or map is expected
    a.yaml:6:1: RoleBinding.rbac.authorization.k8s.io/a: subjects[0] is a string where a map is expected
    a.yaml:11:1: RoleBinding.rbac.authorization.k8s.io/b: subjects is a map where a list is expected
    a.yaml:11:1: RoleBinding.rbac.authorization.k8s.io/prod/b: subjects.name is missing, so what is referred to cannot be told
    a.yaml:16:1: RoleBinding.rbac.authorization.k8s.io/prod/c: subjects[0].name is missing, so what is referred to cannot be told
    a.yaml:21:1: RoleBinding.rbac.authorization.k8s.io/prod/d: subjects[0].namespace is an integer where text is expected
    ");
}

#[test]
fn references_that_may_mean_two_objects() {
    let account = |name: &str| format!("apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {name}}}\n");
    let files = [
        ("kustomization.yaml", "resources: [a, b, binding.yaml]\n"),
        ("a/kustomization.yaml", "resources: [sa.yaml]\nnamespace: a\n"),
        ("a/sa.yaml", &account("robot")[..]),
        ("b/kustomization.yaml", "resources: [sa.yaml]\nnamespace: b\n"),
        ("b/sa.yaml", &account("robot")[..]),
        (
            "binding.yaml",
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: binding}\n\
             subjects: [{kind: ServiceAccount, name: robot}]\n",
        ),
    ];
    assert_snapshot!(refusal(&files, ""), @"binding.yaml:1:1: ClusterRoleBinding.rbac.authorization.k8s.io/binding: subjects[0] may mean ServiceAccount/a/robot or ServiceAccount/b/robot; give them different names");
}

#[test]
fn annotations_that_are_not_text_or_steer_kustomize() {
    let object = |annotations: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a{}\n  annotations: {annotations}\n",
            annotations.len()
        )
    };
    let text = [
        object("text"),
        object("{a: [1]}"),
        object("{internal.config.kubernetes.io/needsHashSuffix: enabled}"),
        object("{internal.config.kubernetes.io/previousNames: other}"),
    ]
    .join("---\n");
    assert_snapshot!(refusal(&[("a.yaml", &text)], ""), @r#"
    a.yaml:1:1: ConfigMap/a4: metadata.annotations is a string where a map of text to text is expected
    a.yaml:7:1: ConfigMap/a8: metadata.annotations.a is a list where text is expected
    a.yaml:13:1: ConfigMap/a56: metadata.annotations["internal.config.kubernetes.io/needsHashSuffix"] is for kustomize's own books and would change the build; remove it
    a.yaml:19:1: ConfigMap/a52: metadata.annotations["internal.config.kubernetes.io/previousNames"] is for kustomize's own books and would change the build; remove it
    "#);
}

/// A document as decryption lays it over a file: one leaf is opened.
fn opened_secret(canary: &str) -> (FileTree, TreePath) {
    let path = TreePath::parse("secret.yaml").unwrap();
    let provenance = Provenance::sealed(Sealed::Ciphertext {
        file: path.clone(),
        document: 0,
        path: KeyPath::of_keys(["stringData", "password"]),
        integrity: Integrity::Verified,
    });
    let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData:\n  password: sealed\n";
    let mut documents = afterbay_manifest::yaml::parse(text.as_bytes()).unwrap();
    open_leaf(&mut documents, canary, &provenance);
    let mut tree = tree(&[("secret.yaml", text)]);
    tree.lay_over(&path, SecretBytes::new(canary.into()), documents, provenance)
        .unwrap();
    (tree, path)
}

fn open_leaf(documents: &mut [Document], canary: &str, provenance: &Provenance) {
    fn visit(element: &mut Element, canary: &str, provenance: &Provenance) {
        match &mut element.kind {
            ElementKind::Text(text) if &*text.text == "sealed" => {
                element.kind = ElementKind::Opened(
                    afterbay_manifest::Scalar::String(canary.to_owned()),
                    provenance.clone(),
                );
            }
            ElementKind::Mapping(pairs) => {
                for pair in pairs {
                    if let afterbay_manifest::yaml::Pair::Entry { value, .. } = pair {
                        visit(value, canary, provenance);
                    }
                }
            }
            _ => {}
        }
    }
    for document in documents {
        visit(document.root.as_mut().unwrap(), canary, provenance);
    }
}

#[test]
fn opened_leaves_keep_their_provenance_and_stay_out_of_debug_output() {
    let (tree, path) = opened_secret("canary-7f3a");
    let set = render(&tree, &TreePath::root(), Revision::UNKNOWN).unwrap();
    let leaf = set.objects[0].body().at(&["stringData", "password"]).unwrap();
    assert_eq!(leaf.expose_str(), Some("canary-7f3a"));
    assert!(
        leaf.provenance
            .sources()
            .any(|source| matches!(source, Sealed::Ciphertext { file, .. } if *file == path))
    );
    assert!(!format!("{set:#?}").contains("canary"));
}

#[test]
fn errors_of_all_files_come_together() {
    let files = [
        ("a.yaml", "a: b: c\n"),
        ("b.yaml", "{\n"),
        ("c.yaml", CONFIG_MAP),
        ("d.yaml", CONFIG_MAP),
    ];
    assert_snapshot!(refusal(&files, ""), @r"
    a.yaml:1:5: mapping values are not allowed in this context
    b.yaml:1:1: unclosed bracket '{'
    d.yaml:1:1: ConfigMap/settings is defined twice, first at c.yaml:1:1; remove one, or give it another name or namespace
    ");
}
