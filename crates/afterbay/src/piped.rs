//! What `afterbay decrypt` opened, on its way through `afterbay render`.
//!
//! A tar stream says which files were opened, and not which of their values. So every value of such a file counts as opened, but
//! for what names an object. `afterbay apply` knows the values and where each may end; here a value of an opened file may
//! end in the entries of a v1 Secret and in the object that its own file holds, and nowhere else.

use std::collections::BTreeSet;

use afterbay_manifest::yaml::{self, Document, Element, ElementKind, Item, Pair, Table};
use afterbay_manifest::{
    FileTree, Finding, KeyPath, Object, Provenance, Sealed, SecretBytes, Segment, TreePath,
};

/// Marks the values of opened files in the tree.
pub(crate) fn mark(tree: &mut FileTree, opened: &BTreeSet<TreePath>) {
    for path in opened {
        let Ok((_, file)) = tree.file(path) else { continue };
        let text = file.source().to_vec();
        let provenance = Provenance::sealed(Sealed::Piped {
            stream: path.to_string(),
        });
        // What is no YAML is read as a whole, by a generator.
        let mut documents = yaml::parse(&text).unwrap_or_default();
        for document in &mut documents {
            mark_document(document, &provenance);
        }
        // The file is there, so this cannot fail.
        let _ = tree.lay_over(path, SecretBytes::new(text), documents, provenance);
    }
}

fn mark_document(document: &mut Document, provenance: &Provenance) {
    if let Some(root) = &mut document.root {
        mark_element(root, &mut KeyPath::root(), provenance);
    }
}

fn mark_element(element: &mut Element, path: &mut KeyPath, provenance: &Provenance) {
    match &mut element.kind {
        ElementKind::Text(text) if !names_the_object(path) => {
            if let Ok(scalar) = yaml::resolve_scalar(Table::Kustomize, text, element.tag.as_deref()) {
                element.kind = ElementKind::Opened(scalar, provenance.clone());
            }
        }
        ElementKind::Mapping(pairs) => {
            for pair in pairs {
                if let Pair::Entry { key, value } = pair {
                    let name = match &key.kind {
                        ElementKind::Text(text) => &*text.text,
                        _ => "",
                    };
                    path.push(Segment::Key(name.into()));
                    mark_element(value, path, provenance);
                    path.pop();
                }
            }
        }
        ElementKind::Sequence(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                if let Item::Element(item) = item {
                    path.push(Segment::Index(index));
                    mark_element(item, path, provenance);
                    path.pop();
                }
            }
        }
        _ => {}
    }
}

/// Whether a field says which object it is, in an object or in an item of a list.
fn names_the_object(path: &KeyPath) -> bool {
    let mut segments = path.segments();
    if let [Segment::Key(items), Segment::Index(_), rest @ ..] = segments
        && **items == *"items"
    {
        segments = rest;
    }
    let keys: Vec<&str> = segments
        .iter()
        .map(|segment| match segment {
            Segment::Key(key) => &**key,
            Segment::Index(_) => "[]",
        })
        .collect();
    matches!(
        keys.as_slice(),
        ["apiVersion" | "kind" | "type"] | ["metadata", "name" | "namespace"]
    )
}

/// The values of opened files that ended where they may not.
pub(crate) fn misplaced(objects: &[Object]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for object in objects {
        let own = object.origin().file.to_string();
        object.body().leaves(&mut |path, node| {
            let is_entry = matches!(path.segments().first(), Some(Segment::Key(key)) if ["data", "stringData"].contains(&&**key));
            if is_entry && object.reference().gvk.is_secret() {
                return;
            }
            let from = node.provenance.sources().find_map(|source| match source {
                Sealed::Piped { stream } if *stream != own => Some(stream.as_str()),
                _ => None,
            });
            if let Some(from) = from {
                findings.push(Finding {
                    message: format!("{}: {}: {path} was made from {from}, which was opened", object.origin(), object.reference()),
                    hint: Some(
                        "keep it in data or stringData of a Secret; `afterbay apply` knows which values were sealed and takes \
                         --allow-opened-in"
                            .to_owned(),
                    ),
                });
            }
        });
    }
    findings
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use afterbay_manifest::{FileTree, Revision, TreePath};

    use super::{mark, misplaced};

    fn build(kustomization: &str) -> Vec<String> {
        let mut tree = FileTree::new();
        let files = [
            ("kustomization.yaml", kustomization),
            ("a.env", "A=canary\n"),
            (
                "secret.yaml",
                "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ntype: Opaque\nstringData: {a: canary}\n",
            ),
            (
                "cm.yaml",
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: canary}\n",
            ),
            (
                "other.yaml",
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: d}\ndata: {a: b}\n",
            ),
        ];
        for (path, text) in files {
            tree.insert_file(TreePath::parse(path).unwrap(), text.as_bytes(), false);
        }
        let opened: BTreeSet<TreePath> = ["a.env", "secret.yaml", "cm.yaml"]
            .map(|path| TreePath::parse(path).unwrap())
            .into();
        mark(&mut tree, &opened);
        let set = afterbay_render::render(&tree, &TreePath::root(), Revision::UNKNOWN).unwrap();
        let findings = misplaced(&set.objects);
        assert!(findings.iter().all(|finding| !finding.message.contains("canary")));
        findings.into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn what_stays_in_its_place_passes() {
        let sound = "resources: [secret.yaml, cm.yaml, other.yaml]\nnamePrefix: x-\nsecretGenerator:\n- {name: g, envs: [a.env]}\n";
        assert_eq!(build(sound), Vec::<String>::new());
    }

    #[test]
    fn what_is_carried_elsewhere_is_refused() {
        assert_eq!(
            build(
                "configMapGenerator:\n- {name: g, envs: [a.env], options: {disableNameSuffixHash: true}}\n"
            ),
            ["kustomization.yaml:2:3: ConfigMap/g: data.A was made from a.env, which was opened"]
        );
        let replaced = "resources: [secret.yaml, other.yaml]\nreplacements:\n- source: {kind: Secret, fieldPath: stringData.a}\n  targets:\n  \
                        - {select: {kind: ConfigMap}, fieldPaths: [data.a]}\n";
        assert_eq!(
            build(replaced),
            ["other.yaml:1:1: ConfigMap/d: data.a was made from secret.yaml, which was opened"]
        );
    }
}
