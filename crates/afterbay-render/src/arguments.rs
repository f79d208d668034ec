//! What transformers and generators are told, in a kustomization file or in a file of their own.

mod replacements;

use afterbay_manifest::{Node, Position};

use crate::decode::{Decoder, TextMap};
use crate::fieldspec::{FieldSpec, Selector};

pub(crate) use replacements::{FieldOptions, Replacement, ReplacementSource, ReplacementTarget};

/// An entry of `configMapGenerator` or `secretGenerator`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Generator {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) behavior: String,
    pub(crate) literals: Vec<String>,
    pub(crate) files: Vec<String>,
    pub(crate) envs: Vec<String>,
    /// Type of a Secret.
    pub(crate) kind: String,
    pub(crate) options: Option<GeneratorOptions>,
    pub(crate) position: Position,
}

/// `generatorOptions`, and `options` of one generator.
#[derive(Debug, Clone, Default)]
pub(crate) struct GeneratorOptions {
    pub(crate) labels: TextMap,
    pub(crate) annotations: TextMap,
    pub(crate) disable_name_suffix_hash: bool,
    pub(crate) immutable: bool,
}

/// What selects objects in `patches` and `replacements`: regular expressions, and selectors of labels and annotations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) gvk: Selector,
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) annotation_selector: String,
    pub(crate) label_selector: String,
    pub(crate) position: Position,
}

impl Target {
    /// Whether no part of an identity is asked for.
    pub(crate) fn is_empty(&self) -> bool {
        self.gvk == Selector::default() && self.name.is_empty() && self.namespace.is_empty()
    }
}

/// An entry of `patches` or `patchesJson6902`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Patch {
    /// What messages call it, if it does not stand in the kustomization file.
    pub(crate) specified_as: Option<String>,
    pub(crate) path: String,
    /// The patch itself.
    pub(crate) text: String,
    pub(crate) target: Option<Target>,
    pub(crate) allow_name_change: bool,
    pub(crate) allow_kind_change: bool,
    pub(crate) position: Position,
}

/// An entry of `labels`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Label {
    pub(crate) pairs: TextMap,
    pub(crate) include_selectors: bool,
    pub(crate) include_templates: bool,
    pub(crate) include_volume_claim_templates: bool,
    pub(crate) fields: Vec<FieldSpec>,
    pub(crate) position: Position,
}

/// An entry of `images`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Image {
    pub(crate) name: String,
    pub(crate) new_name: String,
    pub(crate) tag_suffix: String,
    pub(crate) new_tag: String,
    pub(crate) digest: String,
    pub(crate) position: Position,
}

/// An entry of `replicas`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Replica {
    pub(crate) name: String,
    pub(crate) count: i64,
    pub(crate) position: Position,
}

/// An entry of `vars`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) gvk: Selector,
    pub(crate) object: String,
    pub(crate) namespace: String,
    pub(crate) field_path: String,
    pub(crate) position: Position,
}

/// `sortOptions`.
#[derive(Debug, Clone, Default)]
pub(crate) struct SortOptions {
    pub(crate) order: String,
    pub(crate) legacy: Option<LegacySort>,
}

/// `sortOptions.legacySortOptions`.
#[derive(Debug, Clone, Default)]
pub(crate) struct LegacySort {
    pub(crate) first: Vec<String>,
    pub(crate) last: Vec<String>,
}

impl Generator {
    const FIELDS: [&str; 9] = [
        "name",
        "namespace",
        "behavior",
        "literals",
        "files",
        "envs",
        "env",
        "type",
        "options",
    ];

    pub(crate) fn read(decoder: &mut Decoder<'_>, node: &Node, at: &str, is_secret: bool) -> Self {
        let mut all = Self {
            position: node.position,
            ..Self::default()
        };
        let mut env = String::new();
        decoder.fields(node, at, &Self::FIELDS, |decoder, name, at, value| match name {
            "name" => all.name = decoder.text(value, at),
            "namespace" => all.namespace = decoder.text(value, at),
            "behavior" => all.behavior = decoder.text(value, at),
            "literals" => all.literals = decoder.texts(value, at),
            "files" => all.files = decoder.texts(value, at),
            "envs" => all.envs = decoder.texts(value, at),
            "env" => env = decoder.text(value, at),
            "type" if is_secret => all.kind = decoder.text(value, at),
            "type" => decoder.wrong(
                value,
                at,
                "is no field of configMapGenerator; remove it".to_owned(),
            ),
            _ => all.options = (!value.is_null()).then(|| GeneratorOptions::read(decoder, value, at)),
        });
        if !env.is_empty() {
            all.envs.push(env);
        }
        all
    }
}

impl GeneratorOptions {
    const FIELDS: [&str; 4] = ["labels", "annotations", "disableNameSuffixHash", "immutable"];

    pub(crate) fn read(decoder: &mut Decoder<'_>, node: &Node, at: &str) -> Self {
        let mut all = Self::default();
        decoder.fields(node, at, &Self::FIELDS, |decoder, name, at, value| match name {
            "labels" => all.labels = decoder.text_map(value, at),
            "annotations" => all.annotations = decoder.text_map(value, at),
            "immutable" => all.immutable = decoder.boolean(value, at),
            _ => all.disable_name_suffix_hash = decoder.boolean(value, at),
        });
        all
    }

    /// The options of one generator with those for all behind them: what one says itself stays, and what is switched on for
    /// all cannot be switched off.
    pub(crate) fn behind(local: Option<&Self>, global: Option<&Self>) -> Self {
        let mut all = local.cloned().unwrap_or_default();
        if let Some(global) = global {
            for (into, from) in [
                (&mut all.labels, &global.labels),
                (&mut all.annotations, &global.annotations),
            ] {
                for (key, value) in from {
                    into.entry(key.clone()).or_insert_with(|| value.clone());
                }
            }
            all.disable_name_suffix_hash |= global.disable_name_suffix_hash;
            all.immutable |= global.immutable;
        }
        all
    }
}

impl Target {
    const FIELDS: [&str; 7] = [
        "group",
        "version",
        "kind",
        "name",
        "namespace",
        "annotationSelector",
        "labelSelector",
    ];

    pub(crate) fn read(decoder: &mut Decoder<'_>, node: &Node, at: &str) -> Self {
        let mut all = Self {
            position: node.position,
            ..Self::default()
        };
        decoder.fields(node, at, &Self::FIELDS, |decoder, name, at, value| {
            let text = decoder.text(value, at);
            match name {
                "group" => all.gvk.group = text,
                "version" => all.gvk.version = text,
                "kind" => all.gvk.kind = text,
                "name" => all.name = text,
                "namespace" => all.namespace = text,
                "annotationSelector" => all.annotation_selector = text,
                _ => all.label_selector = text,
            }
        });
        all
    }

    pub(crate) fn optional(decoder: &mut Decoder<'_>, node: &Node, at: &str) -> Option<Self> {
        (!node.is_null()).then(|| Self::read(decoder, node, at))
    }
}

impl Patch {
    const FIELDS: [&str; 4] = ["path", "patch", "target", "options"];
    const OPTIONS: [&str; 2] = ["allowNameChange", "allowKindChange"];

    pub(crate) fn read(decoder: &mut Decoder<'_>, node: &Node, at: &str) -> Self {
        let mut all = Self {
            position: node.position,
            ..Self::default()
        };
        decoder.fields(node, at, &Self::FIELDS, |decoder, name, at, value| match name {
            "path" => all.path = decoder.text(value, at),
            "patch" => all.text = decoder.text(value, at),
            "target" => all.target = Target::optional(decoder, value, at),
            _ => decoder.fields(value, at, &Self::OPTIONS, |decoder, name, at, value| match name {
                "allowNameChange" => all.allow_name_change = decoder.boolean(value, at),
                _ => all.allow_kind_change = decoder.boolean(value, at),
            }),
        });
        all
    }
}

/// A field spec of `labels` or of a configuration.
pub(crate) fn field_spec(decoder: &mut Decoder<'_>, node: &Node, at: &str) -> FieldSpec {
    let (mut selector, mut path, mut create) = (Selector::default(), String::new(), false);
    let known = ["group", "version", "kind", "path", "create"];
    decoder.fields(node, at, &known, |decoder, name, at, value| match name {
        "group" => selector.group = decoder.text(value, at),
        "version" => selector.version = decoder.text(value, at),
        "kind" => selector.kind = decoder.text(value, at),
        "path" => path = decoder.text(value, at),
        _ => create = decoder.boolean(value, at),
    });
    FieldSpec::new(selector, &path, create)
}

impl Label {
    const FIELDS: [&str; 5] = [
        "pairs",
        "includeSelectors",
        "includeTemplates",
        "includeVolumeClaimTemplates",
        "fields",
    ];

    pub(crate) fn read(decoder: &mut Decoder<'_>, node: &Node, at: &str) -> Self {
        let mut all = Self {
            position: node.position,
            ..Self::default()
        };
        decoder.fields(node, at, &Self::FIELDS, |decoder, name, at, value| match name {
            "pairs" => all.pairs = decoder.text_map(value, at),
            "includeSelectors" => all.include_selectors = decoder.boolean(value, at),
            "includeTemplates" => all.include_templates = decoder.boolean(value, at),
            "includeVolumeClaimTemplates" => {
                all.include_volume_claim_templates = decoder.boolean(value, at);
            }
            _ => all.fields = decoder.list(value, at, field_spec),
        });
        all
    }
}

impl Image {
    const FIELDS: [&str; 5] = ["name", "newName", "tagSuffix", "newTag", "digest"];

    pub(crate) fn read(decoder: &mut Decoder<'_>, node: &Node, at: &str) -> Self {
        let mut all = Self {
            position: node.position,
            ..Self::default()
        };
        decoder.fields(node, at, &Self::FIELDS, |decoder, name, at, value| {
            let text = decoder.text(value, at);
            match name {
                "name" => all.name = text,
                "newName" => all.new_name = text,
                "tagSuffix" => all.tag_suffix = text,
                "newTag" => all.new_tag = text,
                _ => all.digest = text,
            }
        });
        all
    }
}

impl Replica {
    pub(crate) fn read(decoder: &mut Decoder<'_>, node: &Node, at: &str) -> Self {
        let mut all = Self {
            position: node.position,
            ..Self::default()
        };
        decoder.fields(
            node,
            at,
            &["name", "count"],
            |decoder, name, at, value| match name {
                "name" => all.name = decoder.text(value, at),
                _ => all.count = decoder.integer(value, at),
            },
        );
        all
    }
}

impl Variable {
    const REFERENCE: [&str; 6] = ["apiVersion", "group", "version", "kind", "name", "namespace"];

    pub(crate) fn read(decoder: &mut Decoder<'_>, node: &Node, at: &str) -> Self {
        let mut all = Self {
            position: node.position,
            ..Self::default()
        };
        let mut api_version = String::new();
        decoder.fields(
            node,
            at,
            &["name", "objref", "fieldref"],
            |decoder, name, at, value| match name {
                "name" => all.name = decoder.text(value, at),
                "objref" => decoder.fields(value, at, &Self::REFERENCE, |decoder, name, at, value| {
                    let text = decoder.text(value, at);
                    match name {
                        "apiVersion" => api_version = text,
                        "group" => all.gvk.group = text,
                        "version" => all.gvk.version = text,
                        "kind" => all.gvk.kind = text,
                        "name" => all.object = text,
                        _ => all.namespace = text,
                    }
                }),
                _ => decoder.fields(value, at, &["fieldPath"], |decoder, _, at, value| {
                    all.field_path = decoder.text(value, at);
                }),
            },
        );
        match api_version.split('/').collect::<Vec<_>>().as_slice() {
            [""] => {}
            [version] => (*version).clone_into(&mut all.gvk.version),
            [group, version] => {
                (*group).clone_into(&mut all.gvk.group);
                (*version).clone_into(&mut all.gvk.version);
            }
            _ => {}
        }
        if all.field_path.is_empty() {
            "metadata.name".clone_into(&mut all.field_path);
        }
        all
    }
}

impl SortOptions {
    pub(crate) fn read(decoder: &mut Decoder<'_>, node: &Node, at: &str) -> Self {
        let mut all = Self::default();
        decoder.fields(
            node,
            at,
            &["order", "legacySortOptions"],
            |decoder, name, at, value| {
                if name == "order" {
                    all.order = decoder.text(value, at);
                } else if !value.is_null() {
                    all.legacy = Some(LegacySort::read(decoder, value, at));
                }
            },
        );
        all
    }
}

impl LegacySort {
    fn read(decoder: &mut Decoder<'_>, node: &Node, at: &str) -> Self {
        let mut all = Self::default();
        decoder.fields(
            node,
            at,
            &["orderFirst", "orderLast"],
            |decoder, name, at, value| match name {
                "orderFirst" => all.first = decoder.texts(value, at),
                _ => all.last = decoder.texts(value, at),
            },
        );
        all
    }
}
