//! `postBuild.substituteFrom`: variables from ConfigMaps and Secrets, which the caller looks up once for a run.

use std::collections::BTreeMap;

use afterbay_manifest::{Node, Object, Provenance, Sealed, SecretBytes};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{SubstituteError, Variables};

/// What variables are read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferenceKind {
    /// A v1 ConfigMap: its values are plain.
    ConfigMap,
    /// A v1 Secret: its values say so in every leaf that they touch.
    Secret,
}

impl ReferenceKind {
    /// The kind as objects have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConfigMap => "ConfigMap",
            Self::Secret => "Secret",
        }
    }
}

/// An entry of `postBuild.substituteFrom`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The kind of the object.
    pub kind: ReferenceKind,
    /// Its name.
    pub name: String,
    /// Whether it may be missing.
    pub optional: bool,
}

impl Reference {
    fn wrong(&self, problem: &str) -> SubstituteError {
        SubstituteError::Source {
            kind: self.kind.as_str(),
            name: self.name.clone(),
            problem: problem.to_owned(),
        }
    }
}

impl Variables {
    /// Sets every entry of `data` as a variable, decoded; `None` says that there is no such object. Entries that come
    /// later win, so references go in their order, and `postBuild.substitute` goes last.
    ///
    /// As in Flux, one entry that can be no variable refuses the whole object.
    pub fn insert_from(
        &mut self,
        reference: &Reference,
        data: Option<BTreeMap<String, SecretBytes>>,
    ) -> Result<(), SubstituteError> {
        let Some(data) = data else {
            return if reference.optional {
                Ok(())
            } else {
                Err(reference.wrong("not found; create it, or set optional: true"))
            };
        };
        let provenance = match reference.kind {
            ReferenceKind::ConfigMap => Provenance::PLAIN,
            ReferenceKind::Secret => Provenance::sealed(Sealed::Lookup {
                kind: reference.kind.as_str().to_owned(),
                name: reference.name.clone(),
            }),
        };
        for (key, value) in data {
            let Ok(text) = std::str::from_utf8(value.expose_bytes()) else {
                return Err(reference.wrong(&format!("the value of {key} is no text in UTF-8")));
            };
            self.insert(&key, text, provenance.clone())
                .map_err(|error| reference.wrong(&error.to_string()))?;
        }
        Ok(())
    }

    /// The same for an object at hand, a v1 ConfigMap or Secret as files and API servers have them.
    pub fn insert_object(&mut self, object: &Object) -> Result<(), SubstituteError> {
        let name = object.reference().name.clone();
        let gvk = &object.reference().gvk;
        let kind = match (gvk.group.as_str(), gvk.kind.as_str()) {
            ("", "ConfigMap") => ReferenceKind::ConfigMap,
            ("", "Secret") => ReferenceKind::Secret,
            _ => {
                return Err(SubstituteError::NoSource {
                    object: Box::new(object.reference().clone()),
                });
            }
        };
        let reference = Reference {
            kind,
            name,
            optional: false,
        };
        let mut data = BTreeMap::new();
        for field in ["data", "stringData"] {
            let is_encoded = kind == ReferenceKind::Secret && field == "data";
            let entries = object.body().get(field).and_then(Node::as_mapping);
            for (key, value) in entries.into_iter().flatten() {
                let text = value.expose_str().unwrap_or_default();
                let bytes = if is_encoded {
                    let text: String = text.split_ascii_whitespace().collect();
                    STANDARD
                        .decode(text)
                        .map_err(|_| reference.wrong(&format!("the value of {key} is no base64")))?
                } else {
                    text.as_bytes().to_vec()
                };
                data.insert(key.clone(), SecretBytes::new(bytes));
            }
        }
        self.insert_from(&reference, Some(data))
    }

    /// The values that are not plain, for whoever keeps them out of messages.
    pub fn sealed_values(&self) -> Vec<SecretBytes> {
        let sealed = self.0.values().filter(|variable| !variable.provenance.is_plain());
        let copy = |bytes: &SecretBytes| SecretBytes::new(bytes.expose_bytes().to_vec());
        sealed.map(|variable| copy(&variable.value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use afterbay_manifest::TreePath;
    use afterbay_manifest::yaml::Table;

    use super::*;
    use crate::read_objects;

    fn inserted(text: &str) -> Result<Variables, SubstituteError> {
        let set = read_objects(text.as_bytes(), &TreePath::name_only("vars"), Table::Kubectl).unwrap();
        let mut variables = Variables::new();
        for object in &set.objects {
            variables.insert_object(object)?;
        }
        Ok(variables)
    }

    #[test]
    fn later_objects_win_and_secrets_say_so() {
        let variables = inserted(
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {a: '1', b: '2'}}\n---\n\
             {apiVersion: v1, kind: Secret, metadata: {name: s}, data: {b: aHVu\n dGVy}, stringData: {c: \"x\\ny\"}}\n",
        )
        .unwrap();
        let of = |name: &str| {
            let variable = variables.get(name).unwrap();
            (variable.text(), variable.provenance.is_plain())
        };
        assert_eq!(
            (of("a"), of("b"), of("c")),
            (("1", true), ("hunter", false), ("xy", false))
        );
        let sealed = variables.sealed_values();
        assert_eq!(sealed.len(), 2);
    }

    #[test]
    fn what_gives_no_variables_is_named() {
        for (text, wanted) in [
            (
                "{apiVersion: v1, kind: Secret, metadata: {name: s}, data: {a: '*hunter2*'}}",
                "Secret s: the value of a is no base64",
            ),
            (
                "{apiVersion: v1, kind: Secret, metadata: {name: s}, data: {a: /w==}}",
                "Secret s: the value of a is no text in UTF-8",
            ),
            (
                "{apiVersion: v1, kind: Secret, metadata: {name: s}, stringData: {a.b: hunter2}}",
                "Secret s: variable \"a.b\": a name",
            ),
            (
                "{apiVersion: v1, kind: Service, metadata: {name: s}}",
                "Service/s is neither a ConfigMap nor a Secret of v1",
            ),
        ] {
            let error = inserted(text).map(drop).unwrap_err().to_string();
            assert!(error.contains(wanted) && !error.contains("hunter"), "{error}");
        }
        let mut reference = Reference {
            kind: ReferenceKind::Secret,
            name: "gone".to_owned(),
            optional: false,
        };
        let error = Variables::new()
            .insert_from(&reference, None)
            .unwrap_err()
            .to_string();
        assert_eq!(error, "Secret gone: not found; create it, or set optional: true");
        reference.optional = true;
        assert_eq!(Variables::new().insert_from(&reference, None), Ok(()));
    }
}
