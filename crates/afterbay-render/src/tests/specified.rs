//! What is asked of a build beside what the tree says, as Flux asks it.

use std::collections::BTreeMap;

use afterbay_manifest::{Provenance, Revision, Sealed, TreePath, yaml};

use super::tree;
use crate::specification::{BuildMetadata, Image, Patch, PostBuild, Selector, Specification};
use crate::substitute::Variables;
use crate::{inputs_specified, render_specified};

const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {containers: [{name: a, image: 'nginx:1'}, {name: b, image: redis}]}}}\n";
const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cm}\ndata: {a: one}\n";

fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

/// The text of a build, or its errors.
fn built(files: &[(&str, &str)], path: &str, specification: &Specification) -> String {
    let path = TreePath::parse(path).unwrap();
    let options = crate::Options::default();
    match render_specified(&tree(files), &path, Revision::UNKNOWN, options, specification) {
        Ok(set) => yaml::emit_sorted(set.objects.iter().map(afterbay_manifest::Object::body)),
        Err(errors) => format!("refused: {errors}"),
    }
}

fn variables(values: &[(&str, &str)]) -> Specification {
    let mut variables = Variables::new();
    for (name, value) in values {
        variables.insert(name, value, Provenance::PLAIN).unwrap();
    }
    Specification {
        post_build: Some(PostBuild {
            variables,
            ..PostBuild::default()
        }),
        ..Specification::default()
    }
}

/// `kus.Namespace = tg` and the like in `GenerateManifest`: the field of the file is gone.
#[test]
fn namespace_and_affixes_take_the_place_of_the_files() {
    let specification = Specification {
        target_namespace: Some("prod".to_owned()),
        name_prefix: Some("p-".to_owned()),
        name_suffix: Some("-s".to_owned()),
        ..Specification::default()
    };
    let file = "resources: [cm.yaml]\nnamespace: old\nnamePrefix: old-\nnameSuffix: -old\n";
    let text = built(
        &[("a/kustomization.yaml", file), ("a/cm.yaml", MAP)],
        "a",
        &specification,
    );
    insta::assert_snapshot!(text, @r"
    apiVersion: v1
    data:
      a: one
    kind: ConfigMap
    metadata:
      name: p-cm-s
      namespace: prod
    ");
    // The same where Flux makes the file up; a base has its own fields.
    let base = "resources: [cm.yaml]\nnamePrefix: base-\n";
    let text = built(
        &[("a/b/kustomization.yaml", base), ("a/b/cm.yaml", MAP)],
        "a",
        &specification,
    );
    assert!(text.contains("name: p-base-cm-s\n  namespace: prod"), "{text}");
}

#[test]
fn patches_come_after_those_of_the_file() {
    let patch = |text: &str, target: Option<Selector>| Patch {
        name: "patch 1".to_owned(),
        patch: text.to_owned(),
        target,
    };
    let kind = |kind: &str| Selector {
        kind: kind.to_owned(),
        ..Selector::default()
    };
    let specification = Specification {
        patches: vec![
            patch(
                "- {op: test, path: /data/a, value: two}\n- {op: add, path: /data/b, value: x}\n",
                Some(kind("ConfigMap")),
            ),
            patch(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cm}\ndata: {c: y}\n",
                None,
            ),
        ],
        ..Specification::default()
    };
    let file = "resources: [cm.yaml]\npatches: [{target: {kind: ConfigMap}, patch: '[{\"op\": \"replace\", \"path\": \"/data/a\", \"value\": \"two\"}]'}]\n";
    let text = built(
        &[("kustomization.yaml", file), ("cm.yaml", MAP)],
        ".",
        &specification,
    );
    assert!(text.contains("data:\n  a: two\n  b: x\n  c: \"y\"\n"), "{text}");
    // Without the patch of the file the test of the other fails, and says whose it is.
    let text = built(&[("cm.yaml", MAP)], ".", &specification);
    assert!(
        text.starts_with("refused: patch 1: patches: ConfigMap/cm"),
        "{text}"
    );
}

#[test]
fn components_are_added_and_may_be_missing() {
    let component = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnamePrefix: c-\n";
    let files = [
        ("app/cm.yaml", MAP),
        ("components/c/kustomization.yaml", component),
        ("app/kustomization.yaml", "resources: [cm.yaml]\n"),
    ];
    let mut specification = Specification {
        components: vec!["../components/c".to_owned(), "../components/gone".to_owned()],
        ..Specification::default()
    };
    let text = built(&files, "app", &specification);
    assert!(
        text.starts_with(
            "refused: the build specification: component \"../components/gone\": components/gone: no such"
        ),
        "{text}"
    );
    specification.ignore_missing_components = true;
    for files in [&files[..], &files[..2]] {
        let text = built(files, "app", &specification);
        assert!(text.contains("name: c-cm\n"), "{text}");
        let inputs = inputs_specified(&tree(files), &TreePath::parse("app").unwrap(), &specification);
        assert!(
            inputs
                .iter()
                .any(|path| path.as_str() == "components/c/kustomization.yaml"),
            "{inputs:?}"
        );
    }
    specification.components = vec!["https://example.org/c".to_owned()];
    let text = built(&files, "app", &specification);
    assert!(
        text.starts_with(
            "refused: the build specification: component \"https://example.org/c\" is not a relative path"
        ),
        "{text}"
    );
}

/// `checkKustomizeImageExists` and what follows it in `GenerateManifest`.
#[test]
fn images_are_merged_by_field() {
    let image = |name: &str, new_name: &str, new_tag: &str, digest: &str| Image {
        name: name.to_owned(),
        new_name: new_name.to_owned(),
        new_tag: new_tag.to_owned(),
        digest: digest.to_owned(),
    };
    let file = "resources: [d.yaml]\nimages: [{name: nginx, newTag: '2', newName: mirror/nginx, digest: 'sha256:ab'}]\n";
    let files = [("kustomization.yaml", file), ("d.yaml", DEPLOYMENT)];
    for (images, nginx, redis) in [
        (vec![], "mirror/nginx:2@sha256:ab", "redis"),
        (
            vec![image("nginx", "x/nginx", "", "")],
            "x/nginx:2@sha256:ab",
            "redis",
        ),
        (vec![image("nginx", "", "3", "")], "mirror/nginx:3", "redis"),
        (
            vec![image("nginx", "", "", "sha256:cd")],
            "mirror/nginx@sha256:cd",
            "redis",
        ),
        (
            vec![image("redis", "", "7", "")],
            "mirror/nginx:2@sha256:ab",
            "redis:7",
        ),
    ] {
        let specification = Specification {
            images,
            ..Specification::default()
        };
        let text = built(&files, ".", &specification);
        assert!(text.contains(&format!("image: {nginx}\n")), "{nginx}: {text}");
        assert!(text.contains(&format!("image: {redis}\n")), "{redis}: {text}");
    }
}

#[test]
fn build_metadata_takes_the_place_of_the_files() {
    let specification = Specification {
        build_metadata: vec![BuildMetadata::OriginAnnotations],
        ..Specification::default()
    };
    let file = "resources: [cm.yaml]\nbuildMetadata: [managedByLabel]\n";
    for files in [
        &[("a/cm.yaml", MAP), ("a/kustomization.yaml", file)][..],
        &[("a/cm.yaml", MAP)],
    ] {
        let text = built(files, "a", &specification);
        assert!(
            text.contains("    config.kubernetes.io/origin: |\n      path: cm.yaml\n"),
            "{text}"
        );
        assert!(!text.contains("managed-by"), "{text}");
    }
}

/// They are set after substitution and win over what an object has; the template of a Pod keeps its own.
#[test]
fn labels_for_all_come_last() {
    let mut specification = variables(&[("x", "1")]);
    specification.common_labels = texts(&[("a", "${x}"), ("team", "shop")]);
    specification.common_annotations = texts(&[("b", "2")]);
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cm, labels: {a: '${x}', own: '${x}'}}\n";
    let text = built(&[("cm.yaml", map), ("d.yaml", DEPLOYMENT)], ".", &specification);
    assert!(
        text.contains("metadata:\n  annotations:\n    b: \"2\"\n  labels:\n    a: ${x}\n    own: 1\n    team: shop\n  name: cm\n"),
        "{text}"
    );
    assert_eq!(text.matches("team: shop").count(), 2, "{text}");
}

#[test]
fn variables_are_substituted_after_the_build() {
    let map =
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '${env}'}\ndata: {a: 'x-${env}', b: '${n:=4}'}\n";
    let files = [
        ("cm.yaml", map),
        (
            "kustomization.yaml",
            "resources: [cm.yaml]\nnamePrefix: '${env}-'\n",
        ),
    ];
    let text = built(&files, ".", &variables(&[("env", "prod")]));
    assert!(text.contains("data:\n  a: x-prod\n  b: 4\n"), "{text}");
    assert!(text.contains("name: prod-prod\n"), "{text}");
    let text = built(&files, ".", &variables(&[("other", "x")]));
    assert!(
        text.starts_with("refused: cm.yaml:1:1: ConfigMap/${env}-${env}: variable env is not set"),
        "{text}"
    );
    let mut lenient = variables(&[("other", "x")]);
    lenient.post_build.as_mut().unwrap().strict = false;
    let named = map.replace("name: '${env}'", "name: cm");
    assert!(built(&[("cm.yaml", &named)], ".", &lenient).contains("a: x-\n"));
    // Without any variables nothing is done, unless it is asked for.
    let mut none = variables(&[]);
    assert!(built(&files, ".", &none).contains("a: x-${env}\n"));
    none.post_build.as_mut().unwrap().always = true;
    assert!(built(&files, ".", &none).starts_with("refused: "));
}

/// A value from a Secret says so in the leaf it goes to, and changes nothing but leaves.
#[test]
fn looked_up_values_keep_their_origin() {
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cm}\ndata:\n  a: x-${password}\n  b: y\n";
    let lookup = |value: &str| {
        let provenance = Provenance::sealed(Sealed::Lookup {
            kind: "Secret".to_owned(),
            name: "vars".to_owned(),
        });
        let mut specification = variables(&[]);
        let post_build = specification.post_build.as_mut().unwrap();
        post_build
            .variables
            .insert("password", value, provenance)
            .unwrap();
        specification
    };
    let render = |value: &str| {
        let (tree, options) = (tree(&[("cm.yaml", map)]), crate::Options::default());
        render_specified(
            &tree,
            &TreePath::root(),
            Revision::UNKNOWN,
            options,
            &lookup(value),
        )
    };
    let set = render("hunter2").unwrap();
    let leaf = |key: &str| set.objects[0].body().at(&["data", key]).unwrap();
    assert_eq!(leaf("a").expose_str(), Some("x-hunter2"));
    assert!(!leaf("a").provenance.is_plain() && leaf("b").provenance.is_plain());
    let error = render("[hunter2, b: c").unwrap_err().to_string();
    assert!(!error.contains("hunter2"), "{error}");
    let shown = format!("{:?}", lookup("hunter2"));
    assert!(
        shown.contains("password") && !shown.contains("hunter2"),
        "{shown}"
    );
}

/// What was opened takes no part, unless the annotation of the object wants it as Flux does it; and then no error quotes it.
#[test]
fn opened_values_take_part_where_the_object_asks() {
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s, annotations: {afterbay.dev/substitute-opened: MODE}}\nstringData: {a: 'sealed-${x}'}\n";
    let render = |mode: &str, values: &[(&str, &str)]| {
        let text = secret.replace("MODE", mode);
        let tree = super::provenance::opened(&[("s.yaml", &text)], &["s.yaml"]);
        let options = crate::Options::default();
        render_specified(
            &tree,
            &TreePath::root(),
            Revision::UNKNOWN,
            options,
            &variables(values),
        )
    };
    for (mode, wanted) in [("disabled", "canary-7f3a-${x}"), ("enabled", "canary-7f3a-1")] {
        let set = render(mode, &[("x", "1")]).unwrap();
        let leaf = set.objects[0].body().at(&["stringData", "a"]).unwrap();
        assert_eq!(leaf.expose_str(), Some(wanted));
        assert!(!leaf.provenance.is_plain());
    }
    let error = render("enabled", &[("y", "1")]).unwrap_err().to_string();
    assert!(
        error.contains("what is wrong is not shown") && !error.contains("variable"),
        "{error}"
    );
}
