//! A text as a kustomization file over a small tree: what it lists is built, what is wrong with it is said.

use afterbay_manifest::{FileTree, Object, Revision, TreePath, yaml};

use crate::seed::files;

/// What the files of kustomizations on record are called, and what they hold: enough that most of what a mutation names is there.
const FILES: [(&str, &str); 8] = [
    (
        "objects.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, labels: {app: web}}\nspec:\n  replicas: 1\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec:\n      containers:\n      - {name: web, image: 'nginx:1', envFrom: [{configMapRef: {name: settings}}, {secretRef: {name: login}}]}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: b, list: '[1, 2]'}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: login}\nstringData: {p: q}\n",
    ),
    (
        "service.yaml",
        "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}\n",
    ),
    (
        "patch.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 3, template: {spec: {containers: [{name: web, resources: {}}]}}}\n",
    ),
    (
        "operations.yaml",
        "- {op: add, path: /metadata/annotations, value: {a: b}}\n",
    ),
    ("some.env", "A=1\nB=two\n"),
    (
        "base/kustomization.yaml",
        "resources: [base.yaml]\nnamePrefix: b-\n",
    ),
    (
        "base/base.yaml",
        "apiVersion: batch/v1\nkind: Job\nmetadata: {name: once}\nspec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: b}]}}}\n",
    ),
    (
        "component/kustomization.yaml",
        "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\ncommonLabels: {c: d}\n",
    ),
];

/// The text.
pub fn run(data: &[u8]) {
    build("kustomization.yaml", data, &FILES);
}

/// Builds the tree with one more file; whatever comes out can be written and read.
pub(crate) fn build(name: &str, content: &[u8], files: &[(&str, &str)]) {
    let path = |path: &str| TreePath::parse(path).expect("a path");
    let mut tree = FileTree::new();
    for (name, text) in files {
        tree.insert_file(path(name), text.as_bytes(), false);
    }
    tree.insert_file(path(name), content, false);
    match afterbay_render::render(&tree, &TreePath::root(), Revision::UNKNOWN) {
        Ok(set) => {
            let text = yaml::emit_sorted(set.objects.iter().map(Object::body));
            let again = yaml::parse(text.as_bytes()).expect("what was built is read");
            assert!(set.objects.is_empty() || again.len() == set.objects.len());
        }
        Err(errors) => assert!(!errors.to_string().is_empty()),
    }
}

/// Kustomizations on record.
pub fn seeds() -> Vec<Vec<u8>> {
    files("fixtures/render")
        .into_iter()
        .filter(|text| !text.starts_with(b"apiVersion: v1"))
        .collect()
}
