//! What Flux's own packages build from whole Flux Kustomizations, `fixtures/specification`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use afterbay_manifest::yaml::{self, Table};
use afterbay_manifest::{Node, Object, Provenance, RenderedSet, Revision, TreePath};

use super::tree_from_disk;
use crate::specification::{BuildMetadata, Image, Patch, PostBuild, Selector, Specification};
use crate::substitute::{Reference, ReferenceKind, Variables};
use crate::{Options, RenderErrors, read_objects, render_specified};

/// The cases in which Flux makes something else, and why.
const DIFFERENT: [(&str, &str); 1] = [(
    "components-alone",
    "a kustomization without resources gets origin annotations, lest kustomize call it empty",
)];

fn text(node: Option<&Node>) -> String {
    node.and_then(Node::expose_str).unwrap_or_default().to_owned()
}

fn optional(spec: &Node, field: &str) -> Option<String> {
    spec.get(field).and_then(Node::expose_str).map(str::to_owned)
}

fn list<T>(spec: &Node, field: &str, read: impl Fn(&Node) -> T) -> Vec<T> {
    let items = spec.get(field).and_then(Node::as_sequence);
    items.into_iter().flatten().map(read).collect()
}

fn patch(entry: &Node) -> Patch {
    let target = entry.get("target").map(|target| Selector {
        group: text(target.get("group")),
        version: text(target.get("version")),
        kind: text(target.get("kind")),
        name: text(target.get("name")),
        namespace: text(target.get("namespace")),
        annotation_selector: text(target.get("annotationSelector")),
        label_selector: text(target.get("labelSelector")),
    });
    Patch {
        name: String::new(),
        patch: text(entry.get("patch")),
        target,
    }
}

fn image(entry: &Node) -> Image {
    Image {
        name: text(entry.get("name")),
        new_name: text(entry.get("newName")),
        new_tag: text(entry.get("newTag")),
        digest: text(entry.get("digest")),
    }
}

fn metadata(name: &Node) -> BuildMetadata {
    [
        BuildMetadata::OriginAnnotations,
        BuildMetadata::TransformerAnnotations,
        BuildMetadata::ManagedByLabel,
    ]
    .into_iter()
    .find(|known| name.expose_str() == Some(known.as_str()))
    .unwrap()
}

/// The variables of `postBuild`, looked up among the other documents of the case.
fn variables(post_build: &Node, others: &[Object]) -> Result<Variables, String> {
    let mut variables = Variables::new();
    let references = list(post_build, "substituteFrom", |entry| Reference {
        kind: match text(entry.get("kind")).as_str() {
            "Secret" => ReferenceKind::Secret,
            _ => ReferenceKind::ConfigMap,
        },
        name: text(entry.get("name")),
        optional: entry.get("optional").is_some(),
    });
    for reference in references {
        let object = others.iter().find(|object| {
            let found = object.reference();
            found.gvk.kind == reference.kind.as_str()
                && found.name == reference.name
                && found.namespace.as_deref() == Some("flux-system")
        });
        let inserted = match object {
            Some(object) => variables.insert_object(object),
            None => variables.insert_from(&reference, None),
        };
        inserted.map_err(|error| error.to_string())?;
    }
    let inline = post_build.get("substitute").and_then(Node::as_mapping);
    for (name, value) in inline.into_iter().flatten() {
        variables
            .insert(name, value.expose_str().unwrap(), Provenance::PLAIN)
            .map_err(|error| error.to_string())?;
    }
    Ok(variables)
}

/// The directory and the specification of a case.
fn specification(case: &Path) -> Result<(TreePath, Specification), String> {
    let text_of = fs::read_to_string(case.join("flux.yaml")).unwrap();
    let name = TreePath::name_only("flux.yaml");
    let mut others = read_objects(text_of.as_bytes(), &name, Table::Kubectl)
        .unwrap()
        .objects;
    let flux = others.remove(0);
    let spec = flux.body().get("spec").unwrap();
    let post_build = match spec.get("postBuild") {
        None => None,
        Some(node) => Some(PostBuild {
            variables: variables(node, &others)?,
            strict: true,
            always: text(node.get("substituteStrategy")) == "Always",
        }),
    };
    let specification = Specification {
        target_namespace: optional(spec, "targetNamespace"),
        name_prefix: optional(spec, "namePrefix"),
        name_suffix: optional(spec, "nameSuffix"),
        patches: list(spec, "patches", patch),
        components: list(spec, "components", |path| text(Some(path))),
        ignore_missing_components: spec.get("ignoreMissingComponents").is_some(),
        images: list(spec, "images", image),
        build_metadata: list(spec, "buildMetadata", metadata),
        common_labels: BTreeMap::new(),
        common_annotations: BTreeMap::new(),
        post_build,
    };
    let path = format!("input/{}", text(spec.get("path")));
    Ok((TreePath::parse(&path).unwrap(), specification))
}

fn built(case: &Path) -> Result<String, String> {
    let (path, specification) = specification(case)?;
    let tree = tree_from_disk(case);
    let set: Result<RenderedSet, RenderErrors> = render_specified(
        &tree,
        &path,
        Revision::UNKNOWN,
        Options::default(),
        &specification,
    );
    let set = set.map_err(|errors| errors.to_string())?;
    Ok(yaml::emit_sorted(set.objects.iter().map(Object::body)))
}

#[test]
fn specifications_are_built_as_flux_builds_them() {
    let root = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../fixtures/specification"
    ));
    let mut names: Vec<String> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert!(
        names.len() >= 35,
        "fixtures are missing: {} are there",
        names.len()
    );
    let mut refusals = Vec::new();
    let mut wrong = Vec::new();
    for name in names {
        let case = root.join(&name);
        // A program that links kustomize has no version of it to name.
        let expected = fs::read_to_string(case.join("expected.yaml"))
            .map(|text| text.replace("kustomize-(devel)", "kustomize-v5.8.2"));
        let is_different = DIFFERENT.iter().any(|(different, _)| *different == name);
        match (built(&case), expected) {
            (Ok(text), Ok(expected)) if (text == expected) != is_different => {}
            (Ok(text), Ok(expected)) => wrong.push(format!("{name}:\n{text}\nFlux:\n{expected}")),
            (Err(error), Err(_)) => refusals.push(format!("{name}: {error}")),
            (Ok(text), Err(_)) => wrong.push(format!("{name}: Flux refuses it\n{text}")),
            (Err(error), Ok(_)) => wrong.push(format!("{name}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    insta::assert_snapshot!(refusals.join("\n"));
}
