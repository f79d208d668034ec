//! A file with patches from outside of the tree.

use afterbay_manifest::yaml::{self, Table};
use afterbay_manifest::{Mapping, Node};
use thiserror::Error;

use super::{Patch, Selector};
use crate::merge;

/// Why a text holds no patches.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PatchListError {
    /// It is neither a patch nor a list of patches.
    #[error(
        "{problem}; it takes objects to merge, or a list of entries with `patch` and `target`, as in `spec.patches` of a \
         Flux Kustomization"
    )]
    Form {
        /// What is wrong.
        problem: String,
    },
    /// An entry of the list has the wrong form.
    #[error("entry {index}: {problem}")]
    Entry {
        /// Which, from 1.
        index: usize,
        /// What is wrong and what is expected.
        problem: String,
    },
}

/// Reads a text: one strategic-merge patch (or several, as documents), which finds its object by its identity, or a list of
/// entries with `patch` and `target` as `spec.patches` of a Flux Kustomization has them.
///
/// `name` is what messages call each of them.
pub fn patches(text: &str, name: &str) -> Result<Vec<Patch>, PatchListError> {
    let form = |problem: String| PatchListError::Form { problem };
    let documents = yaml::parse(text.as_bytes()).map_err(|errors| form(errors.to_string()))?;
    if let [document] = documents.as_slice()
        && let Ok(Some(node)) = document.resolve(Table::Kubectl)
        && let Some(entries) = node.as_sequence()
    {
        if entries.iter().any(|entry| entry.get("op").is_some()) {
            let problem = "is a list of operations, which need a target".to_owned();
            return Err(form(problem));
        }
        let mut list = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let index = index + 1;
            let problem = |problem| PatchListError::Entry { index, problem };
            let mut patch = entry_of(entry).map_err(problem)?;
            patch.name = format!("{name}, entry {index}");
            list.push(patch);
        }
        return Ok(list);
    }
    match merge::Patch::parse(text) {
        Ok(merge::Patch::Strategic(objects)) if !objects.is_empty() => Ok(vec![Patch {
            name: name.to_owned(),
            patch: text.to_owned(),
            target: None,
        }]),
        Ok(_) => Err(form("holds no patch".to_owned())),
        Err(error) => Err(form(error.to_string())),
    }
}

fn entry_of(entry: &Node) -> Result<Patch, String> {
    let fields = entry
        .as_mapping()
        .ok_or_else(|| format!("is no map but of type {}", entry.kind_name()))?;
    let mut patch = Patch::default();
    for (key, value) in fields {
        match key.as_str() {
            "patch" => patch.patch = text(key, value)?,
            "target" if value.is_null() => {}
            "target" => patch.target = Some(selector(value)?),
            _ => return Err(format!("has a field {key:?}; patch and target are known")),
        }
    }
    match merge::Patch::parse(patch.patch.trim()) {
        _ if patch.patch.trim().is_empty() => Err("has no patch".to_owned()),
        Ok(merge::Patch::Json(_)) if patch.target.is_none() => {
            Err("is a list of operations, which need a target".to_owned())
        }
        Ok(_) => Ok(patch),
        Err(error) => Err(format!("the patch {error}")),
    }
}

fn selector(node: &Node) -> Result<Selector, String> {
    let nothing = Mapping::new();
    let mut selector = Selector::default();
    for (key, value) in node.as_mapping().unwrap_or(&nothing) {
        let field = match key.as_str() {
            "group" => &mut selector.group,
            "version" => &mut selector.version,
            "kind" => &mut selector.kind,
            "name" => &mut selector.name,
            "namespace" => &mut selector.namespace,
            "annotationSelector" => &mut selector.annotation_selector,
            "labelSelector" => &mut selector.label_selector,
            _ => return Err(format!("target has a field {key:?} that is not known")),
        };
        *field = text(key, value)?;
    }
    if node.as_mapping().is_none() {
        return Err(format!("target is no map but of type {}", node.kind_name()));
    }
    Ok(selector)
}

fn text(key: &str, value: &Node) -> Result<String, String> {
    let text = value.as_plain_str().map(str::to_owned);
    text.ok_or_else(|| format!("{key} is of type {} where text is expected", value.kind_name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_holds_a_patch_or_a_list_of_them() {
        let merge = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
        let read = patches(merge, "p.yaml").unwrap();
        assert_eq!(read.len(), 1);
        assert_eq!((read[0].patch.as_str(), &read[0].target), (merge, &None));
        let list = "- patch: |\n    - {op: remove, path: /data}\n  target: {kind: ConfigMap, labelSelector: a=b}\n\
                    - patch: '{\"apiVersion\": \"v1\", \"kind\": \"Secret\", \"metadata\": {\"name\": \"s\"}}'\n";
        let read = patches(list, "p.yaml").unwrap();
        let target = read[0].target.as_ref().unwrap();
        assert_eq!(
            (target.kind.as_str(), target.label_selector.as_str()),
            ("ConfigMap", "a=b")
        );
        assert_eq!(
            (read[1].name.as_str(), &read[1].target),
            ("p.yaml, entry 2", &None)
        );
    }

    #[test]
    fn what_is_no_patch_is_refused() {
        for (text, problem) in [
            ("", "holds no patch"),
            (
                "- {op: remove, path: /data}\n",
                "is a list of operations, which need a target",
            ),
            (
                "- patch: '[{\"op\": \"remove\", \"path\": \"/a\"}]'\n",
                "entry 1: is a list of operations, which need a target",
            ),
            ("- target: {kind: Secret}\n", "entry 1: has no patch"),
            (
                "- {patch: '{}', path: x}\n",
                "entry 1: has a field \"path\"; patch and target are known",
            ),
            (
                "- {patch: 1}\n",
                "entry 1: patch is of type integer where text is expected",
            ),
            (
                "- {patch: 'a: b', target: {kin: Secret}}\n",
                "entry 1: target has a field \"kin\" that is not known",
            ),
            ("- x\n", "entry 1: is no map but of type string"),
            ("a: {\n", "unclosed bracket"),
        ] {
            let error = patches(text, "p.yaml").unwrap_err().to_string();
            assert!(error.contains(problem), "{text:?}: {error}");
        }
    }
}
