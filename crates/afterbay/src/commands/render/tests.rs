//! Values of opened files, moved the way a build can move them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use afterbay_decrypt::{PlacePattern, mark_opened};
use afterbay_manifest::{FileTree, Object, Provenance, Revision, Sealed, TreePath, yaml};
use afterbay_render::specification::{Patch, PostBuild, Specification};
use afterbay_render::substitute::Variables;

const SECRET: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: s, annotations: {note: hello}}\ntype: Opaque\nstringData: {a: canary}\n";
const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: i, args: [$(V), '${W}']}]}\n";
const CONFIG_MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: canary}\n";

fn build(kustomization: &str, allowed: &[&str]) -> Vec<String> {
    build_specified(kustomization, allowed, &Specification::default())
}

fn build_specified(kustomization: &str, allowed: &[&str], asked: &Specification) -> Vec<String> {
    let files = [
        ("kustomization.yaml", kustomization),
        ("a.env", "A=canary\n"),
        ("broken.yaml", "a: [canary\n"),
        ("secret.yaml", SECRET),
        ("pod.yaml", POD),
        ("cm.yaml", CONFIG_MAP),
        (
            "other.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: d}\ndata: {a: b}\n",
        ),
    ];
    let mut tree = FileTree::new();
    for (path, text) in files {
        tree.insert_file(TreePath::parse(path).unwrap(), text.as_bytes(), false);
    }
    let opened: BTreeSet<TreePath> = ["a.env", "broken.yaml", "secret.yaml", "cm.yaml", "gone.yaml"]
        .map(|path| TreePath::parse(path).unwrap())
        .into();
    let (tree, piped) = mark_opened(tree, &opened);
    let allowed: Vec<PlacePattern> = allowed.iter().map(|place| place.parse().unwrap()).collect();
    let (root, options) = (TreePath::root(), afterbay_render::Options::default());
    let texts = match afterbay_render::render_specified(&tree, &root, Revision::UNKNOWN, options, asked) {
        Ok(set) => match piped.confine(&set.objects, &allowed) {
            Ok(()) => Vec::new(),
            Err(mut errors) => {
                let explain = || afterbay_render::explanation(&tree, &root, options, asked);
                errors.blame(explain, afterbay_render::Explanation::cause);
                errors.0.iter().map(ToString::to_string).collect()
            }
        },
        Err(errors) => vec![errors.to_string()],
    };
    assert!(texts.iter().all(|text| !text.contains("canary")), "{texts:?}");
    texts
        .iter()
        .map(|text| text.split(';').next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn what_stays_in_its_place_passes() {
    let sound = "resources: [secret.yaml, cm.yaml, other.yaml]\nnamePrefix: x-\nnamespace: apps\ncommonAnnotations: {z: z}\n\
                 secretGenerator:\n- {name: g, envs: [a.env]}\n";
    assert_eq!(build(sound, &[]), Vec::<String>::new());
}

#[test]
fn what_is_carried_to_another_object_is_refused_unless_it_is_allowed_there() {
    let generated =
        "configMapGenerator:\n- {name: g, envs: [a.env], options: {disableNameSuffixHash: true}}\n";
    assert_eq!(
        build(generated, &[]),
        [
            "kustomization.yaml:2:3: ConfigMap/g: data.A holds what was opened from a.env, put there by configMapGenerator (kustomization.yaml:2:3)"
        ]
    );
    assert_eq!(build(generated, &["ConfigMap:data.A"]), Vec::<String>::new());
}

#[test]
fn what_a_replacement_carries_is_refused_by_its_entry() {
    for field in ["data.a", "metadata.annotations.[example.org/a]"] {
        let replaced = format!(
            "resources: [secret.yaml, other.yaml]\nreplacements:\n- source: {{kind: ConfigMap, fieldPath: data.a}}\n  targets: [{{select: {{kind: Secret}}, fieldPaths: [metadata.annotations.note]}}]\n\
             - source: {{kind: Secret, fieldPath: stringData.a}}\n  targets:\n  \
             - {{select: {{kind: ConfigMap}}, fieldPaths: ['{field}'], options: {{create: true}}}}\n"
        );
        let place = field.replace(
            "metadata.annotations.[example.org/a]",
            "metadata.annotations[\"example.org/a\"]",
        );
        assert_eq!(
            build(&replaced, &[]),
            [format!(
                "other.yaml:1:1: ConfigMap/d: {place} holds what was opened from secret.yaml (stringData.a), put there by replacements (kustomization.yaml:5:3)"
            )]
        );
    }
}

/// `metadata.annotations.note` is a value of the same file, and still not the place of the password.
#[test]
fn what_is_carried_inside_its_own_object_is_refused() {
    for (patch, place) in [
        (
            r#"[{"op": "copy", "from": "/stringData/a", "path": "/metadata/annotations/note"}]"#,
            "Secret/s: metadata.annotations.note",
        ),
        (
            r#"[{"op": "copy", "from": "/stringData/a", "path": "/metadata/annotations/x"}]"#,
            "Secret/s: metadata.annotations.x",
        ),
        (
            r#"[{"op": "copy", "from": "/stringData/a", "path": "/type"}]"#,
            "Secret/s: type",
        ),
        (
            r#"[{"op": "replace", "path": "/kind", "value": "ConfigMap"}, {"op": "remove", "path": "/metadata/annotations"}]"#,
            "ConfigMap/s: stringData.a",
        ),
    ] {
        let kustomization = format!(
            "resources: [secret.yaml]\npatches:\n- target: {{kind: Secret}}\n  options: {{allowKindChange: true}}\n  patch: '{patch}'\n"
        );
        assert_eq!(
            build(&kustomization, &[]),
            [format!(
                "secret.yaml:1:1: {place} holds what was opened from secret.yaml (stringData.a), put there by patches (kustomization.yaml:3:3)"
            )]
        );
    }
}

#[test]
fn what_a_variable_carries_into_an_argument_is_refused() {
    let vars = "resources: [secret.yaml, pod.yaml]\nvars: [{name: V, objref: {apiVersion: v1, kind: Secret, name: s}, fieldref: {fieldPath: stringData.a}}]\n";
    assert_eq!(
        build(vars, &[]),
        [
            "pod.yaml:1:1: Pod/p: spec.containers[0].args[0] holds what was opened from secret.yaml (stringData.a), put there by vars V (kustomization.yaml:2:8)"
        ]
    );
}

fn lookup() -> Variables {
    let provenance = Provenance::sealed(Sealed::Lookup {
        kind: "Secret".to_owned(),
        name: "vars".to_owned(),
    });
    let mut variables = Variables::new();
    variables.insert("W", "canary", provenance).unwrap();
    variables
}

#[test]
fn what_is_substituted_into_an_argument_is_refused() {
    let asked = Specification {
        post_build: Some(PostBuild {
            variables: lookup(),
            ..PostBuild::default()
        }),
        ..Specification::default()
    };
    let pod = "resources: [pod.yaml]\n";
    assert_eq!(
        build_specified(pod, &[], &asked),
        [
            "pod.yaml:1:1: Pod/p: spec.containers[0].args[1] holds what was opened from Secret vars of the cluster, put there by postBuild"
        ]
    );
    assert_eq!(
        build_specified(pod, &["Pod:spec.containers[*].args[*]"], &asked),
        Vec::<String>::new()
    );
    // What an earlier step has put there is not blamed on the last one.
    let vars = "resources: [secret.yaml, pod.yaml]\nvars: [{name: V, objref: {apiVersion: v1, kind: Secret, name: s}, fieldref: {fieldPath: stringData.a}}]\n";
    let errors = build_specified(vars, &[], &asked);
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(
        errors[0].contains("args[0]") && errors[0].ends_with("put there by vars V (kustomization.yaml:2:8)"),
        "{errors:?}"
    );
    assert!(
        errors[1].contains("args[1]") && errors[1].ends_with("put there by postBuild"),
        "{errors:?}"
    );
}

#[test]
fn what_a_patch_from_outside_carries_is_refused_by_its_name() {
    let asked = Specification {
        patches: vec![Patch {
            name: "more.yaml, entry 1".to_owned(),
            patch: r#"[{"op": "copy", "from": "/stringData/a", "path": "/metadata/annotations/note"}]"#
                .to_owned(),
            target: Some(afterbay_render::specification::Selector {
                kind: "Secret".to_owned(),
                ..Default::default()
            }),
        }],
        ..Specification::default()
    };
    assert_eq!(
        build_specified("resources: [secret.yaml]\n", &[], &asked),
        [
            "secret.yaml:1:1: Secret/s: metadata.annotations.note holds what was opened from secret.yaml (stringData.a), put there by patches (more.yaml, entry 1)"
        ]
    );
}

#[test]
fn an_opened_patch_may_set_what_it_declares() {
    let patched = "resources: [other.yaml]\npatches: [{path: cm.yaml, target: {kind: ConfigMap}}]\n";
    assert_eq!(build(patched, &[]), Vec::<String>::new());
}

#[test]
fn an_opened_file_that_is_no_yaml_is_not_passed_over() {
    let [error] = build("resources: [broken.yaml]\n", &[]).try_into().unwrap();
    assert!(
        error.contains("broken.yaml:1:1") && error.contains("a string where a Kubernetes object is expected"),
        "{error}"
    );
}

/// Every file of a folder.
fn from_disk(root: &Path, below: &str, tree: &mut FileTree) {
    for entry in fs::read_dir(root.join(below)).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{below}/{}", entry.file_name().to_str().unwrap());
        let path = TreePath::parse(&name).unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            from_disk(root, &name, tree);
        } else if kind.is_symlink() {
            tree.insert_link(path, fs::read_link(entry.path()).unwrap().to_str().unwrap());
        } else {
            tree.insert_file(path, fs::read(entry.path()).unwrap(), false);
        }
    }
}

/// What comes of a case whose files, but for the kustomizations, were all opened.
fn build_opened(case: &Path) -> Result<String, String> {
    let mut tree = FileTree::new();
    from_disk(case, "input", &mut tree);
    let opened: BTreeSet<TreePath> = tree
        .entries()
        .map(|(path, _)| path.clone())
        .filter(|path| !path.to_string().to_lowercase().contains("kustomization"))
        .collect();
    let (tree, _) = mark_opened(tree, &opened);
    match afterbay_render::render(&tree, &TreePath::parse("input").unwrap(), Revision::UNKNOWN) {
        Ok(set) => Ok(yaml::emit_sorted(set.objects.iter().map(Object::body))),
        Err(errors) => Err(errors.to_string()),
    }
}

/// A build reads what it needs of a value whoever sealed it: the same bytes come out of it as of the plain files, or it says
/// what has to be plain.
#[test]
fn opened_files_are_built_like_plain_ones() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/render"));
    let (mut equal, mut refused, mut differ) = (0, BTreeSet::new(), BTreeSet::new());
    for case in fs::read_dir(root).unwrap() {
        let case = case.unwrap().path();
        let Ok(expected) = fs::read_to_string(case.join("expected.yaml")) else {
            continue;
        };
        // What these build was not fetched here.
        if case.join("remotes").is_dir() {
            continue;
        }
        let name = case.file_name().unwrap().to_str().unwrap().to_owned();
        match build_opened(&case) {
            Ok(text) if text == expected => equal += 1,
            Ok(_) => drop(differ.insert(name)),
            Err(errors) => {
                let what = "what configures a build must be plain";
                assert!(errors.contains(what), "{name}: {errors}");
                refused.insert(name);
            }
        }
    }
    // An opened value has no spelling left (`0o7`, `True`, a date, where a text is folded): it is printed as what it is, and
    // in a patch of operations `yes` and `0644` are read as in an object.
    let spelled = [
        "annotations",
        "annotations-as-json",
        "folded-texts",
        "images-numbers",
        "patches-operations",
        "replacements-of-spellings",
    ];
    assert_eq!(differ, spelled.map(str::to_owned).into());
    let configured = [
        "build-metadata",
        "configurations",
        "configurations-narrow",
        "definitions",
        "images-of-volumes",
        "patches-custom-kinds",
        "plugins-annotations",
        "plugins-generators",
        "plugins-transformers",
        "replacements-by-path",
    ];
    assert_eq!(refused, configured.map(str::to_owned).into());
    assert_eq!(equal, 56);
}
