//! What a layer of the build has gathered: objects with distinct identities, the specs of transformers, and variables.

use std::collections::HashMap;

use afterbay_manifest::Place;

use crate::arguments::Variable;
use crate::config::Config;
use crate::error::RenderError;
use crate::explain::Explained;
use crate::resource::{Behavior, Id, Resource};

/// The objects of a layer, in order.
pub(crate) struct Accumulator {
    pub(crate) resources: Vec<Resource>,
    pub(crate) config: Config,
    pub(crate) variables: Vec<(Variable, Place)>,
    /// What was there and is no more, where that is asked for.
    pub(crate) removed: Vec<Explained>,
    /// Every object by the identity it has; `None` when identities may have changed.
    index: Option<HashMap<String, usize>>,
    /// Whether an operation gave an object another identity, so that two may have one.
    pub(crate) is_renamed: bool,
    /// Whether a patch was merged into an object, for which kustomize asks its schema.
    pub(crate) is_merged: bool,
    /// Every object by the identities it has and had.
    pub(crate) ids: IdIndex,
}

/// Objects by the identities they have and had, found out when it is asked for and forgotten when one may have changed.
#[derive(Default)]
pub(crate) struct IdIndex(Option<HashMap<String, Vec<usize>>>);

impl IdIndex {
    /// The objects that have or had an identity.
    pub(crate) fn find(&mut self, resources: &[Resource], id: &Id<'_>) -> &[usize] {
        let index = self.0.get_or_insert_with(|| {
            let mut index: HashMap<String, Vec<usize>> = HashMap::with_capacity(resources.len());
            for (number, resource) in resources.iter().enumerate() {
                for id in resource.ids() {
                    let numbers = index.entry(id.key()).or_default();
                    if numbers.last() != Some(&number) {
                        numbers.push(number);
                    }
                }
            }
            index
        });
        index.get(&id.key()).map_or(&[], Vec::as_slice)
    }

    /// Says that identities may have changed.
    pub(crate) fn forget(&mut self) {
        self.0 = None;
    }

    /// Takes note of an object that was added behind all others.
    fn added(&mut self, number: usize, resource: &Resource) {
        if let Some(index) = &mut self.0 {
            for id in resource.ids() {
                index.entry(id.key()).or_default().push(number);
            }
        }
    }
}

impl Accumulator {
    pub(crate) fn new() -> Self {
        Self {
            resources: Vec::new(),
            config: Config::nothing(),
            variables: Vec::new(),
            removed: Vec::new(),
            index: None,
            is_renamed: false,
            is_merged: false,
            ids: IdIndex::default(),
        }
    }

    /// Says that identities may have changed.
    pub(crate) fn changed(&mut self) {
        self.ids.forget();
        self.index = None;
    }

    /// Adds an object, or says which one is there already.
    pub(crate) fn append(&mut self, resource: Resource) -> Option<RenderError> {
        let resources = &self.resources;
        let index = self.index.get_or_insert_with(|| {
            let keys = resources.iter().map(|resource| resource.id().key());
            keys.zip(0..).collect()
        });
        let key = resource.id().key();
        if let Some(first) = index.get(&key).and_then(|index| resources.get(*index)) {
            return Some(duplicate(first, &resource));
        }
        index.insert(key, self.resources.len());
        self.ids.added(self.resources.len(), &resource);
        self.resources.push(resource);
        None
    }

    /// Reports objects that share an identity since it changed.
    pub(crate) fn check_distinct(&mut self, errors: &mut Vec<RenderError>) {
        let mut seen: HashMap<String, usize> = HashMap::with_capacity(self.resources.len());
        for (index, resource) in self.resources.iter().enumerate() {
            if let Some(first) = seen.insert(resource.id().key(), index)
                && let Some(first) = self.resources.get(first)
            {
                errors.push(duplicate(first, resource));
            }
        }
    }

    /// Takes over everything of a layer below.
    pub(crate) fn merge(&mut self, other: Self, place: &Place, errors: &mut Vec<RenderError>) {
        if self.resources.is_empty() {
            self.resources = other.resources;
            self.changed();
            if other.is_renamed {
                self.check_distinct(errors);
            }
        } else {
            for resource in other.resources {
                errors.extend(self.append(resource));
            }
        }
        self.removed.extend(other.removed);
        if let Err(problem) = self.config.merge(&other.config) {
            errors.push(RenderError::Step {
                place: place.clone(),
                step: "configurations",
                problem,
            });
        }
        for (variable, place) in other.variables {
            self.add_variable(variable, place, errors);
        }
    }

    /// Adds a variable whose name is new.
    pub(crate) fn add_variable(&mut self, variable: Variable, place: Place, errors: &mut Vec<RenderError>) {
        if let Some((_, first)) = self
            .variables
            .iter()
            .find(|(known, _)| known.name == variable.name)
        {
            errors.push(RenderError::Step {
                place,
                step: "vars",
                problem: format!("{:?} is defined already at {first}; rename one", variable.name),
            });
            return;
        }
        self.variables.push((variable, place));
    }

    /// Adds what generators made: new objects, and such that replace or change one that is there.
    pub(crate) fn absorb(
        &mut self,
        generated: Vec<Resource>,
        place: &Place,
        step: &'static str,
        errors: &mut Vec<RenderError>,
    ) {
        for resource in generated {
            if let Err(problem) = self.absorb_one(resource) {
                errors.push(match problem {
                    Refused::Duplicate(error) => *error,
                    Refused::Because(problem) => RenderError::Step {
                        place: place.clone(),
                        step,
                        problem,
                    },
                });
            }
        }
    }

    fn absorb_one(&mut self, mut resource: Resource) -> Result<(), Refused> {
        let found = self.ids.find(&self.resources, &resource.id());
        let (first, second) = (found.first().copied(), found.get(1).copied());
        let (name, behavior) = (resource.reference(), resource.behavior);
        let changes = matches!(behavior, Behavior::Merge | Behavior::Replace);
        match (first, second) {
            (None, _) if changes => Err(Refused::Because(format!(
                "{name} is not there, so it cannot be merged or replaced; take the behavior out, or correct the name"
            ))),
            (None, _) => match self.append(resource) {
                Some(error) => Err(Refused::Duplicate(Box::new(error))),
                None => Ok(()),
            },
            (Some(_), Some(_)) => Err(Refused::Because(format!(
                "there is more than one object that {name} could change"
            ))),
            (Some(_), None) if !changes => Err(Refused::Because(format!(
                "{name} is there already; set behavior to merge or replace, or give it another name"
            ))),
            (Some(index), None) => {
                let Some(old) = self.resources.get(index) else {
                    return Ok(());
                };
                resource.inherit(old);
                if resource.id().key() != old.id().key() {
                    return Err(Refused::Because(format!(
                        "{name} was given another kind by now, so it cannot be merged or replaced"
                    )));
                }
                if behavior == Behavior::Merge {
                    resource.take_data(old)?;
                    if old.source.origin.is_some() {
                        resource.source.origin.clone_from(&old.source.origin);
                    }
                }
                self.resources[index] = resource;
                self.changed();
                Ok(())
            }
        }
    }
}

impl From<String> for Refused {
    fn from(problem: String) -> Self {
        Self::Because(problem)
    }
}

enum Refused {
    Duplicate(Box<RenderError>),
    Because(String),
}

fn duplicate(first: &Resource, second: &Resource) -> RenderError {
    RenderError::Duplicate {
        object: Box::new(second.reference()),
        first: Box::new(first.origin().clone()),
        second: Box::new(second.origin().clone()),
    }
}
