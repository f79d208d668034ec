//! References that follow an object to its new name and namespace.
//!
//! Once, at the end of a build, kustomize looks for the object that a reference meant before names and namespaces changed. Objects
//! are found by the names they had, so the cost is in proportion to references and objects.

use std::collections::{BTreeSet, HashMap};

use afterbay_manifest::{KeyPath, Node, Segment, Value};

use crate::config::{NameReference, Specs};
use crate::error::{RenderError, an};
use crate::fieldspec::{self, FieldSpec, Make, Misshapen, Selector};
use crate::read;
use crate::resource::{CLUSTER, Previous, Resource};

/// What is known of an object that may be meant, taken before anything is changed.
struct Known {
    kind: String,
    name: String,
    group: String,
    version: String,
    /// The namespace as written, which is what a reference gets.
    written: Option<String>,
    effective: String,
    original_namespace: String,
    previous: Vec<Previous>,
    prefixes: Vec<String>,
    suffixes: Vec<String>,
}

/// Every object by the names it had.
struct Index {
    known: Vec<Known>,
    by_name: HashMap<String, Vec<usize>>,
    /// For each namespace that objects were in at first, the effective and written ones they are in now.
    moved: HashMap<String, BTreeSet<(String, Option<String>)>>,
}

impl Index {
    fn of(resources: &[Resource]) -> Self {
        let mut index = Self {
            known: Vec::with_capacity(resources.len()),
            by_name: HashMap::new(),
            moved: HashMap::new(),
        };
        for (number, resource) in resources.iter().enumerate() {
            let names: BTreeSet<&str> = resource.previous_ids().map(|id| id.name).collect();
            for name in names {
                index.by_name.entry(name.to_owned()).or_default().push(number);
            }
            let known = Known::of(resource);
            index
                .moved
                .entry(known.original_namespace.clone())
                .or_default()
                .insert((known.effective.clone(), known.written.clone()));
            index.known.push(known);
        }
        index
    }
}

impl Known {
    fn of(resource: &Resource) -> Self {
        let gvk = resource.gvk();
        Self {
            kind: gvk.kind.clone(),
            name: resource.name().to_owned(),
            group: gvk.group.clone(),
            version: gvk.version.clone(),
            written: resource.namespace().map(str::to_owned),
            effective: resource.effective_namespace().to_owned(),
            original_namespace: resource.original_id().namespace.to_owned(),
            previous: resource
                .previous_ids()
                .map(|id| Previous {
                    kind: id.kind.to_owned(),
                    name: id.name.to_owned(),
                    namespace: id.namespace.to_owned(),
                })
                .collect(),
            prefixes: resource.prefixes.clone(),
            suffixes: resource.suffixes.clone(),
        }
    }

    /// Whether an identity it had is of a kind.
    fn was(&self, selector: &Selector) -> bool {
        self.previous
            .iter()
            .any(|previous| selector.selects(&self.group, &self.version, &previous.kind))
    }

    fn display(&self) -> String {
        match &self.written {
            Some(namespace) => format!("{}/{namespace}/{}", self.kind, self.name),
            None => format!("{}/{}", self.kind, self.name),
        }
    }
}

/// The specs by the kind of the referrer.
struct Rules<'c> {
    by_kind: HashMap<&'c str, Vec<(usize, &'c NameReference, &'c FieldSpec)>>,
}

impl<'c> Rules<'c> {
    fn of(references: &'c [NameReference]) -> Self {
        let mut by_kind: HashMap<&str, Vec<_>> = HashMap::new();
        let all = references
            .iter()
            .flat_map(|reference| reference.referrers.iter().map(move |spec| (reference, spec)));
        for (order, (reference, spec)) in all.enumerate() {
            by_kind
                .entry(&spec.selector.kind)
                .or_default()
                .push((order, reference, spec));
        }
        Self { by_kind }
    }

    /// Those for an object, in order.
    fn for_referrer(&self, resource: &Resource) -> Vec<(&'c NameReference, &'c FieldSpec)> {
        let id = resource.original_id();
        let mut rules: Vec<_> = [id.kind, ""]
            .into_iter()
            .filter_map(|kind| self.by_kind.get(kind))
            .flatten()
            .filter(|(_, _, spec)| spec.selector.selects(id.group, id.version, id.kind))
            .collect();
        rules.sort_by_key(|(order, _, _)| *order);
        rules
            .into_iter()
            .map(|(_, reference, spec)| (*reference, *spec))
            .collect()
    }
}

/// Lets every reference follow.
pub(crate) fn follow(resources: &mut [Resource], specs: &Specs, errors: &mut Vec<RenderError>) {
    let index = Index::of(resources);
    let rules = Rules::of(&specs.name_reference);
    for resource in resources {
        let rules = rules.for_referrer(resource);
        if !rules.is_empty() {
            follow_in(resource, &rules, &index, errors);
        }
    }
}

fn follow_in(
    resource: &mut Resource,
    rules: &[(&NameReference, &FieldSpec)],
    index: &Index,
    errors: &mut Vec<RenderError>,
) {
    let accounts = match subject_namespaces(resource) {
        Ok(accounts) => accounts,
        Err(misshapen) => {
            errors.push(read::shape(
                resource.origin(),
                resource.reference().to_string(),
                misshapen,
            ));
            return;
        }
    };
    let referrer = Referrer {
        known: Known::of(resource),
        accounts,
        role: role(&resource.body),
        index,
    };
    for (reference, spec) in rules {
        let role = spec
            .path
            .ends_with("roleRef/name")
            .then_some(referrer.role.as_ref())
            .flatten();
        let mut candidates = None;
        let followed = spec.visit_any(&mut resource.body, Make::Nothing, &mut |node| {
            referrer.set(node, &reference.target, role, &mut candidates)
        });
        let Err(misshapen) = followed else { continue };
        errors.push(match candidates {
            Some(candidates) => RenderError::AmbiguousReference {
                origin: resource.origin().clone(),
                object: Box::new(resource.reference()),
                path: misshapen.path.to_string(),
                candidates,
            },
            None => read::shape(resource.origin(), resource.reference().to_string(), misshapen),
        });
    }
    resource.refresh();
}

/// The namespaces that the service accounts of a `RoleBinding` are in.
fn subject_namespaces(resource: &Resource) -> Result<BTreeSet<String>, Misshapen> {
    let mut namespaces = BTreeSet::new();
    if resource.gvk().kind != "RoleBinding" {
        return Ok(namespaces);
    }
    let subjects = resource
        .body
        .get("subjects")
        .and_then(Node::as_sequence)
        .unwrap_or_default();
    for (index, subject) in subjects.iter().enumerate() {
        let is_account = subject.get("kind").and_then(Node::expose_str) == Some("ServiceAccount");
        match subject.get("namespace") {
            Some(namespace) if is_account => match namespace.expose_str() {
                Some(text) => {
                    namespaces.insert(text.to_owned());
                }
                None => {
                    return Err(Misshapen {
                        path: KeyPath::of_keys(["subjects"]).index(index).key("namespace"),
                        problem: format!("is {} where text is expected", an(namespace.kind_name())),
                    });
                }
            },
            _ => {}
        }
    }
    Ok(namespaces)
}

/// What kind of role a binding refers to.
fn role(body: &Node) -> Option<Selector> {
    let role = body.get("roleRef")?;
    let text = |key: &str| role.get(key).and_then(Node::expose_str).map(str::to_owned);
    Some(Selector {
        group: text("apiGroup")?,
        version: String::new(),
        kind: text("kind")?,
    })
}

/// An object whose references are being looked at.
struct Referrer<'i> {
    known: Known,
    accounts: BTreeSet<String>,
    role: Option<Selector>,
    index: &'i Index,
}

/// Why nothing can be set; the candidates where there are several.
type Candidates = Option<Vec<String>>;

impl<'i> Referrer<'i> {
    /// Lets one field follow: a name, a map with a name and maybe a namespace, or a list of those.
    fn set(
        &self,
        node: &mut Node,
        target: &Selector,
        role: Option<&Selector>,
        candidates: &mut Candidates,
    ) -> Result<(), Misshapen> {
        if node.is_null() {
            return Ok(());
        }
        match &mut node.value {
            Value::Scalar(_) => self.set_name(node, target, role, candidates),
            Value::Mapping(_) => self.set_map(node, target, role, candidates),
            Value::Sequence(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    if item.as_sequence().is_some() {
                        return Err(Misshapen::expected(item, "text or a map"));
                    }
                    self.set(item, target, role, candidates)
                        .map_err(|error| error.below(Segment::Index(index)))?;
                }
                Ok(())
            }
        }
    }

    fn set_name(
        &self,
        node: &mut Node,
        target: &Selector,
        role: Option<&Selector>,
        candidates: &mut Candidates,
    ) -> Result<(), Misshapen> {
        let Some(old) = node.expose_spelling() else {
            return Ok(());
        };
        let same = |a: &Known, b: &Known| a.name == b.name;
        let Some(found) = self.select(&old, None, target, role, same, candidates)? else {
            return Ok(());
        };
        if *old != found.name {
            fieldspec::set_scalar(node, &found.name)?;
        }
        Ok(())
    }

    fn set_map(
        &self,
        node: &mut Node,
        target: &Selector,
        role: Option<&Selector>,
        candidates: &mut Candidates,
    ) -> Result<(), Misshapen> {
        let text = |key: &str| {
            node.get(key)
                .and_then(Node::expose_spelling)
                .map(std::borrow::Cow::into_owned)
        };
        if node.get("name").is_none() {
            let missing = Misshapen::new("is missing, so what is referred to cannot be told".to_owned());
            return Err(missing.below(Segment::Key("name".into())));
        }
        let (old, namespace) = (text("name").unwrap_or_default(), text("namespace"));
        let same = |a: &Known, b: &Known| a.name == b.name && a.written == b.written;
        let Some(found) = self.select(&old, namespace.as_deref(), target, role, same, candidates)? else {
            return Ok(());
        };
        let Value::Mapping(entries) = &mut node.value else {
            return Ok(());
        };
        for (key, text) in [("name", Some(&found.name)), ("namespace", found.written.as_ref())] {
            let Some(text) = text else { continue };
            let entry = entries.entry(key.to_owned()).or_insert_with(|| Node::plain(""));
            fieldspec::set_scalar(entry, text).map_err(|error| error.below(Segment::Key(key.into())))?;
        }
        Ok(())
    }

    /// The object that a name means: it had the name, and was of the kind. Of several, those whose prefixes and suffixes fit.
    fn select(
        &self,
        name: &str,
        namespace: Option<&str>,
        target: &Selector,
        role: Option<&Selector>,
        same: impl Fn(&Known, &Known) -> bool,
        candidates: &mut Candidates,
    ) -> Result<Option<&'i Known>, Misshapen> {
        let Some(named) = self.index.by_name.get(name) else {
            return Ok(None);
        };
        let originally = namespace.is_some_and(|namespace| self.some_were_in(namespace));
        let mut found: Vec<&Known> = named
            .iter()
            .filter_map(|index| self.index.known.get(*index))
            .filter(|known| match namespace {
                None => true,
                Some(namespace) if originally => known.original_namespace == namespace,
                Some(namespace) => known.effective == namespace && namespace != CLUSTER,
            })
            .filter(|known| {
                known.was(target) && role.is_none_or(|role| known.was(role)) && self.reaches(known)
            })
            .collect();
        if found.len() > 1 {
            found.retain(|known| self.context_fits(known, true));
        }
        if found.len() > 1 {
            found.retain(|known| self.context_fits(known, false));
        }
        match found.as_slice() {
            [] => Ok(None),
            [first, rest @ ..] if rest.iter().all(|other| same(first, other)) => Ok(Some(*first)),
            several => {
                *candidates = Some(several.iter().map(|known| known.display()).collect());
                Err(Misshapen::new(String::new()))
            }
        }
    }

    /// Whether it can refer to an object: to those of its namespace and of none; a cluster-scoped one reaches all; a `RoleBinding`
    /// also the service accounts in the namespaces that it names.
    fn reaches(&self, known: &Known) -> bool {
        self.known.effective == CLUSTER
            || known.effective == CLUSTER
            || known.effective == self.known.effective
            || (known.kind == "ServiceAccount"
                && self.accounts.contains(known.written.as_deref().unwrap_or("")))
    }

    /// Whether an object that it can see was in a namespace at first. If so, that is what the reference's namespace means.
    fn some_were_in(&self, namespace: &str) -> bool {
        namespace != CLUSTER
            && self.index.moved.get(namespace).is_some_and(|now| {
                now.iter().any(|(effective, written)| {
                    self.known.effective == CLUSTER
                        || effective == CLUSTER
                        || *effective == self.known.effective
                        || self.accounts.contains(written.as_deref().unwrap_or(""))
                })
            })
    }

    fn context_fits(&self, known: &Known, allow_empty: bool) -> bool {
        let fits = |ours: &[String], theirs: &[String]| {
            (allow_empty && (ours.is_empty() || theirs.is_empty())) || ends_alike(ours, theirs)
        };
        fits(&self.known.prefixes, &known.prefixes) && fits(&self.known.suffixes, &known.suffixes)
    }
}

/// Whether the shorter list is the end of the longer one; an empty one is the end of an empty one only.
fn ends_alike(one: &[String], other: &[String]) -> bool {
    if one.is_empty() || other.is_empty() {
        return one.len() == other.len();
    }
    one.ends_with(other) || other.ends_with(one)
}

#[cfg(test)]
mod tests {
    use super::ends_alike;

    #[test]
    fn contexts_end_alike() {
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert!(ends_alike(&list(&["a", "b"]), &list(&["b"])));
        assert!(ends_alike(&list(&[]), &list(&[])));
        assert!(!ends_alike(&list(&["a", "b"]), &list(&[])));
        assert!(!ends_alike(&list(&["a", "b"]), &list(&["a"])));
    }
}
