//! The table of Kubernetes' own kinds. Its notation is described where it is printed
//! (`e2e/tools/kubernetes/fieldschema`).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::Value;

use super::{Empty, Field, Finest, Items, Kind, Merge, Shape};

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::read(include_str!("../../data/field-schema.tsv")));

/// Values that the server fills in where a structure is replaced as a whole, as its defaulting functions do
/// (`SetDefaults_*` in `pkg/apis/*/*/defaults.go` of Kubernetes 1.34). Where fields merge, none is needed: what others
/// own stays.
const DEFAULTS: [(&str, &str, &str); 10] = [
    ("core/v1.ObjectFieldSelector", "apiVersion", r#""v1""#),
    ("core/v1.ResourceFieldSelector", "divisor", r#""0""#),
    (
        "core/v1.ServiceAccountTokenProjection",
        "expirationSeconds",
        "3600",
    ),
    ("core/v1.PersistentVolumeClaim", "apiVersion", r#""v1""#),
    (
        "core/v1.PersistentVolumeClaim",
        "kind",
        r#""PersistentVolumeClaim""#,
    ),
    (
        "core/v1.PersistentVolumeClaim",
        "status",
        r#"{"phase":"Pending"}"#,
    ),
    (
        "core/v1.PersistentVolumeClaimSpec",
        "volumeMode",
        r#""Filesystem""#,
    ),
    ("networking/v1.NetworkPolicyPort", "protocol", r#""TCP""#),
    ("admissionregistration/v1.RuleWithOperations", "scope", r#""*""#),
    ("rbac/v1.RoleRef", "apiGroup", r#""rbac.authorization.k8s.io""#),
];

struct Table {
    kinds: HashMap<(&'static str, &'static str), &'static str>,
    fields: HashMap<(&'static str, &'static str), (&'static str, Empty)>,
}

impl Table {
    fn read(text: &'static str) -> Self {
        let mut table = Self {
            kinds: HashMap::new(),
            fields: HashMap::new(),
        };
        for line in text.lines() {
            let mut columns = line.split('\t');
            let mut next = || columns.next().unwrap_or_default();
            let (first, second, third, fourth) = (next(), next(), next(), next());
            if first == "kind" {
                table.kinds.insert((second, third), fourth);
            } else if !fourth.is_empty() {
                let empty = match fourth {
                    "z" => Empty::Dropped,
                    "a" => Empty::Written,
                    _ => Empty::Kept,
                };
                table.fields.insert((first, second), (third, empty));
            }
        }
        table
    }
}

/// The notation of a kind's objects.
pub(super) fn kind(api_version: &str, kind: &str) -> Option<&'static str> {
    TABLE.kinds.get(&(api_version, kind)).copied()
}

pub(super) fn read(notation: &'static str) -> Kind<'static> {
    match notation {
        "s" => return Kind::Scalar,
        "b" => return Kind::Bytes,
        "q" => return Kind::Quantity(Finest::Nano),
        "r" => return Kind::Quantity(Finest::Milli),
        "?" => return Kind::Unknown,
        _ => {}
    }
    if let Some(of) = notation.strip_prefix("{}") {
        return map(of, Merge::Fields);
    }
    if let Some(of) = notation.strip_prefix("{!}") {
        return map(of, Merge::Whole);
    }
    if let Some((relation, of)) = notation.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return Kind::List {
            of: Shape::BuiltIn(of),
            items: items(relation),
        };
    }
    let (name, merge) = structure(notation);
    Kind::Structure {
        name: Some(name),
        merge,
    }
}

fn map(of: &'static str, merge: Merge) -> Kind<'static> {
    Kind::Map {
        of: Shape::BuiltIn(of),
        merge,
    }
}

fn structure(notation: &'static str) -> (&'static str, Merge) {
    match notation.strip_prefix('!') {
        Some(name) => (name, Merge::Whole),
        None => (notation, Merge::Fields),
    }
}

fn items(relation: &'static str) -> Items<'static> {
    match relation {
        "" => Items::Whole,
        "set" => Items::Set,
        keys => Items::Keyed(
            keys.split(',')
                .map(|key| match key.split_once('=') {
                    Some((key, default)) => (key, serde_json::from_str(default).ok().map(Cow::Owned)),
                    None => (key, None),
                })
                .collect(),
        ),
    }
}

pub(super) fn field(notation: &'static str, name: &str) -> Option<Field<'static>> {
    let (owner, _) = structure(notation);
    let (shape, empty) = TABLE.fields.get(&(owner, name)).copied()?;
    Some(Field {
        shape: Shape::BuiltIn(shape),
        empty,
    })
}

pub(super) fn default(notation: &'static str, name: &str) -> Option<Value> {
    let (owner, _) = structure(notation);
    DEFAULTS
        .iter()
        .find(|(of, field, _)| *of == owner && *field == name)
        .and_then(|(_, _, text)| serde_json::from_str(text).ok())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    #[test]
    fn every_line_of_the_table_leads_to_known_types() {
        let owners: BTreeSet<&str> = TABLE.fields.keys().map(|(owner, _)| *owner).collect();
        let mut shapes: Vec<&'static str> = TABLE.kinds.values().copied().collect();
        shapes.extend(TABLE.fields.values().map(|(shape, _)| *shape));
        assert!(shapes.len() > 2500, "{}", shapes.len());
        let mut without_fields = BTreeSet::new();
        for shape in shapes {
            let mut of = Shape::BuiltIn(shape).kind();
            while let Kind::Map { of: below, .. } | Kind::List { of: below, .. } = of {
                of = below.kind();
            }
            if let Kind::Structure { name: Some(name), .. } = of {
                without_fields.extend((!owners.contains(name)).then_some(name));
            }
        }
        // These have none in Go either.
        let expected = [
            "apiextensions/v1.CustomResourceSubresourceStatus",
            "apiserverinternal/v1alpha1.StorageVersionSpec",
        ];
        assert_eq!(without_fields.into_iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn every_default_belongs_to_a_field() {
        for (owner, field, text) in DEFAULTS {
            assert!(TABLE.fields.contains_key(&(owner, field)), "{owner} {field}");
            assert!(serde_json::from_str::<Value>(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn lists_merge_by_their_keys() {
        let ports = field("core/v1.Container", "ports").unwrap();
        let Kind::List { items, .. } = ports.shape.kind() else {
            panic!("{ports:?}");
        };
        assert_eq!(
            items,
            Items::Keyed(vec![
                ("containerPort", Some(Cow::Owned(json!(0)))),
                ("protocol", Some(Cow::Owned(json!("TCP")))),
            ])
        );
        let finalizers = field("meta/v1.ObjectMeta", "finalizers").unwrap();
        assert!(matches!(
            finalizers.shape.kind(),
            Kind::List {
                items: Items::Set,
                ..
            }
        ));
        let arguments = field("core/v1.Container", "args").unwrap();
        assert!(matches!(
            arguments.shape.kind(),
            Kind::List {
                items: Items::Whole,
                ..
            }
        ));
        let selector = field("apps/v1.DeploymentSpec", "selector").unwrap();
        assert!(matches!(
            selector.shape.kind(),
            Kind::Structure {
                merge: Merge::Whole,
                ..
            }
        ));
    }
}
