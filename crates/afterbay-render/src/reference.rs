//! References that follow an object into its new namespace.
//!
//! Once, at the end of a build, kustomize looks for objects that a reference meant before names and namespaces
//! changed. As nothing here changes a name that is referred to, only references that carry a namespace beside the
//! name can change: the subjects of role bindings, the services of webhooks, and the ConfigMap of a Node.

use std::collections::BTreeSet;

use afterbay_manifest::{KeyPath, Mapping, Node, Segment, Value};

use crate::error::{RenderError, an};
use crate::namespace;
use crate::resource::{Effective, Identity, Resource};

/// Where a kind refers to another by name and namespace.
struct Rule {
    /// API group of the referrer; `None` for any.
    group: Option<&'static str>,
    /// Kinds of the referrer.
    kinds: &'static [&'static str],
    /// The way to the reference; lists on it are gone through.
    path: &'static [&'static str],
    /// Kind of what is referred to, in version `v1` of any group.
    target: &'static str,
}

const RULES: [Rule; 3] = [
    Rule {
        group: Some("admissionregistration.k8s.io"),
        kinds: &["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"],
        path: &["webhooks", "clientConfig", "service"],
        target: "Service",
    },
    Rule {
        group: Some("rbac.authorization.k8s.io"),
        kinds: &["RoleBinding", "ClusterRoleBinding"],
        path: &["subjects"],
        target: "ServiceAccount",
    },
    Rule {
        group: None,
        kinds: &["Node"],
        path: &["spec", "configSource", "configMap"],
        target: "ConfigMap",
    },
];

/// What references are resolved against: every object by its identities, taken before anything is changed.
struct Known {
    identity: Identity,
    /// The namespace as written, which is what a reference gets.
    written: Option<String>,
    original_namespace: Effective,
    previous: Vec<Identity>,
}

/// Lets every reference follow.
pub(crate) fn follow(resources: Vec<Resource>, errors: &mut Vec<RenderError>) -> Vec<Resource> {
    let known: Vec<Known> = resources.iter().map(Known::of).collect();
    resources
        .into_iter()
        .filter_map(|resource| follow_in(resource, &known, errors))
        .collect()
}

impl Known {
    fn of(resource: &Resource) -> Self {
        Self {
            identity: resource.identity(),
            written: resource.namespace().map(str::to_owned),
            original_namespace: resource.original_namespace(),
            previous: resource.previous().to_vec(),
        }
    }
}

fn follow_in(resource: Resource, known: &[Known], errors: &mut Vec<RenderError>) -> Option<Resource> {
    let gvk = resource.gvk();
    let applies = |rule: &&Rule| {
        rule.kinds.contains(&gvk.kind.as_str()) && rule.group.is_none_or(|group| group == gvk.group)
    };
    let Some(rule) = RULES.iter().find(applies) else {
        return Some(resource);
    };
    let referrer = resource.identity();
    let (object, origin) = (resource.object().reference().clone(), resource.origin().clone());
    let mut failures = Vec::new();
    let changed = resource.map_body(|body| {
        let reachable = reachable(&referrer, body, known);
        let follow = Follow {
            rule,
            candidates: reachable,
        };
        follow.visit(body, rule.path, &mut KeyPath::root(), &mut failures);
    });
    for failure in failures {
        errors.push(match failure {
            Failure::Shape(shape) => RenderError::Shape {
                origin: origin.clone(),
                object: object.to_string(),
                path: shape.path.to_string(),
                problem: shape.problem,
            },
            Failure::Ambiguous(path, candidates) => RenderError::AmbiguousReference {
                origin: origin.clone(),
                object: Box::new(object.clone()),
                path: path.to_string(),
                candidates,
            },
        });
    }
    changed
        .map_err(|error| errors.push(RenderError::Object(error)))
        .ok()
}

enum Failure {
    Shape(namespace::Misshapen),
    Ambiguous(KeyPath, Vec<String>),
}

/// The objects a referrer can refer to: those of its namespace and of none; a cluster-scoped one reaches all; a
/// `RoleBinding` also reaches the namespaces its `ServiceAccount` subjects name, but there only such accounts.
fn reachable<'a>(referrer: &Identity, body: &Node, known: &'a [Known]) -> Vec<&'a Known> {
    let named = subject_namespaces(referrer, body);
    let reaches = |target: &&Known| {
        referrer.namespace == Effective::Cluster
            || target.identity.namespace == Effective::Cluster
            || target.identity.namespace == referrer.namespace
            || (target.identity.gvk.kind == "ServiceAccount"
                && named.contains(target.written.as_deref().unwrap_or("")))
    };
    known.iter().filter(reaches).collect()
}

fn subject_namespaces<'a>(referrer: &Identity, body: &'a Node) -> BTreeSet<&'a str> {
    if referrer.gvk.kind != "RoleBinding" {
        return BTreeSet::new();
    }
    let subjects = body
        .get("subjects")
        .and_then(Node::as_sequence)
        .unwrap_or_default();
    let accounts = subjects
        .iter()
        .filter(|subject| text(subject, "kind") == Some("ServiceAccount"));
    accounts
        .filter_map(|subject| text(subject, "namespace"))
        .collect()
}

fn text<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    node.get(key).and_then(Node::expose_str)
}

struct Follow<'a> {
    rule: &'a Rule,
    candidates: Vec<&'a Known>,
}

impl Follow<'_> {
    /// Goes down the path, through lists, to every reference.
    fn visit(&self, node: &mut Node, path: &[&str], at: &mut KeyPath, failures: &mut Vec<Failure>) {
        match (&mut node.value, path) {
            (Value::Sequence(items), _) => {
                for (index, item) in items.iter_mut().enumerate() {
                    at.push(Segment::Index(index));
                    self.visit(item, path, at, failures);
                    at.pop();
                }
            }
            (Value::Mapping(entries), [key, rest @ ..]) => {
                if let Some(next) = entries.get_mut(*key) {
                    at.push(Segment::Key((*key).into()));
                    self.visit(next, rest, at, failures);
                    at.pop();
                }
            }
            (Value::Mapping(entries), []) => {
                if let Err(failure) = self.update(entries, at) {
                    failures.push(failure);
                }
            }
            // A scalar has no namespace to change; one in the middle of the path is for the API server to refuse.
            (Value::Scalar(_), _) => {}
        }
    }

    fn update(&self, reference: &mut Mapping, at: &KeyPath) -> Result<(), Failure> {
        if !reference.contains_key("name") {
            let problem = "is missing, so what is referred to cannot be told".to_owned();
            return Err(Failure::Shape(namespace::Misshapen {
                path: at.key("name"),
                problem,
            }));
        }
        if self.rule.target == "ServiceAccount" {
            refuse_odd_namespace(reference, at)?;
        }
        let Some(target) = self.target(reference, at)? else {
            return Ok(());
        };
        match &target.written {
            Some(namespace) => {
                namespace::set_text(reference, "namespace", namespace, at).map_err(Failure::Shape)
            }
            None => Ok(()),
        }
    }

    fn target(&self, reference: &Mapping, at: &KeyPath) -> Result<Option<&Known>, Failure> {
        let Some(name) = reference.get("name").and_then(Node::expose_str) else {
            return Ok(None);
        };
        let is_meant = |target: &&&Known| {
            target.previous.iter().any(|identity| identity.name == name)
                && target
                    .previous
                    .iter()
                    .any(|identity| identity.gvk.kind == self.rule.target && identity.gvk.version == "v1")
        };
        let targets: Vec<&Known> = self
            .in_namespace(reference)
            .into_iter()
            .filter(|target| is_meant(&target))
            .collect();
        let Some(first) = targets.first() else {
            return Ok(None);
        };
        let same =
            |target: &&Known| target.identity.name == first.identity.name && target.written == first.written;
        if targets.iter().all(same) {
            return Ok(Some(*first));
        }
        let names = targets.iter().map(|target| display(target)).collect();
        Err(Failure::Ambiguous(at.clone(), names))
    }

    /// Candidates in the namespace of the reference: the one they had at first, else the one they have now.
    fn in_namespace(&self, reference: &Mapping) -> Vec<&Known> {
        let Some(namespace) = reference.get("namespace") else {
            return self.candidates.clone();
        };
        let Some(namespace) = namespace.expose_str() else {
            return Vec::new();
        };
        let namespace = Effective::Namespace(namespace.to_owned());
        let with = |of: fn(&Known) -> &Effective| -> Vec<&Known> {
            self.candidates
                .iter()
                .copied()
                .filter(|target| *of(target) == namespace)
                .collect()
        };
        let original = with(|target| &target.original_namespace);
        if original.is_empty() {
            with(|target| &target.identity.namespace)
        } else {
            original
        }
    }
}

/// kustomize refuses a `ServiceAccount` subject whose namespace is not text.
fn refuse_odd_namespace(reference: &Mapping, at: &KeyPath) -> Result<(), Failure> {
    let is_account = reference.get("kind").and_then(Node::expose_str) == Some("ServiceAccount");
    match reference.get("namespace") {
        Some(namespace) if is_account && namespace.expose_str().is_none() => {
            let problem = format!("is {} where text is expected", an(namespace.kind_name()));
            Err(Failure::Shape(namespace::Misshapen {
                path: at.key("namespace"),
                problem,
            }))
        }
        _ => Ok(()),
    }
}

fn display(target: &Known) -> String {
    let Known {
        identity, written, ..
    } = target;
    match written {
        Some(namespace) => format!("{}/{namespace}/{}", identity.gvk.kind, identity.name),
        None => format!("{}/{}", identity.gvk.kind, identity.name),
    }
}
