//! The build: reads what a target lists, brings it together, and finishes it once at the root.

use std::collections::{BTreeSet, HashMap};

use afterbay_manifest::{FileTree, Object, Place, RenderedSet, Revision, TreePath, Warning};

use crate::error::{RenderError, RenderErrors};
use crate::locate::{self, Entry, Target};
use crate::resource::{Identity, Resource};
use crate::{annotation, namespace, read, reference};

/// Builds a directory into objects, in kustomize's input order.
///
/// Everything that is wrong with it is returned together. Warnings name scalars that kustomize and `kubectl apply`
/// read differently.
pub fn render(tree: &FileTree, path: &TreePath, revision: Revision) -> Result<RenderedSet, RenderErrors> {
    let (set, errors) = attempt(tree, path, revision);
    match errors {
        None => Ok(set),
        Some(errors) => Err(errors),
    }
}

/// The same as far as it goes: what is sound of the build, and what is wrong with the rest.
///
/// Files that are left sealed ([`FileTree::leave_sealed`]) are left out. An incomplete set is good for one thing: later
/// stages can look for more errors in it, so that all are reported together.
pub fn attempt(tree: &FileTree, path: &TreePath, revision: Revision) -> (RenderedSet, Option<RenderErrors>) {
    let located = locate::locate(tree, path);
    let is_complete = located.errors.is_empty();
    let mut build = Build {
        tree,
        errors: located.errors,
        warnings: located.warnings,
    };
    let objects = if is_complete {
        let resources = build.target(&located.target);
        build.finish(resources)
    } else {
        build.read_all(&located.target)
    };
    // A file that two bases list is read twice; what there is to say about it is said once.
    let mut seen = BTreeSet::new();
    let mut warnings = build.warnings;
    warnings.retain(|warning| seen.insert(warning.clone()));
    let set = RenderedSet {
        revision,
        objects,
        warnings,
    };
    (set, RenderErrors::check(build.errors, ()).err())
}

struct Build<'a> {
    tree: &'a FileTree,
    errors: Vec<RenderError>,
    warnings: Vec<Warning>,
}

impl Build<'_> {
    fn target(&mut self, target: &Target) -> Vec<Resource> {
        let mut merged = Merged::default();
        for entry in &target.entries {
            let resources = match entry {
                Entry::File(path) => self.file(path),
                Entry::Base(base) => self.target(base),
            };
            for resource in resources {
                self.errors.extend(merged.add(resource));
            }
        }
        match (&target.namespace, &target.file) {
            (Some(namespace), Some(file)) => {
                let place = Place::new(file.clone(), namespace.position);
                self.move_all(merged.resources, &namespace.text, &place)
            }
            _ => merged.resources,
        }
    }

    /// Every object by itself, where a kustomization file is wrong: what it would have changed in them, or how they
    /// would have met, is not known.
    fn read_all(&mut self, target: &Target) -> Vec<Object> {
        let mut objects = Vec::new();
        for entry in &target.entries {
            match entry {
                Entry::File(path) => objects.extend(self.file(path).into_iter().map(Resource::into_object)),
                Entry::Base(base) => objects.extend(self.read_all(base)),
            }
        }
        objects
    }

    fn file(&mut self, path: &TreePath) -> Vec<Resource> {
        let contents = read::file(self.tree, path);
        self.errors.extend(contents.errors);
        self.warnings.extend(contents.warnings);
        contents.objects.into_iter().map(Resource::new).collect()
    }

    /// Applies `namespace:` to everything below it.
    fn move_all(&mut self, resources: Vec<Resource>, namespace: &str, place: &Place) -> Vec<Resource> {
        let mut moved = Merged::default();
        for resource in resources {
            let Some(resource) = self.move_one(resource, namespace) else {
                continue;
            };
            if let Some(RenderError::Duplicate {
                object,
                first,
                second,
            }) = moved.add(resource)
            {
                self.errors.push(RenderError::NamespaceConflict {
                    place: place.clone(),
                    namespace: namespace.to_owned(),
                    object,
                    first,
                    second,
                });
            }
        }
        moved.resources
    }

    fn move_one(&mut self, resource: Resource, namespace: &str) -> Option<Resource> {
        if annotation::is_helm_generated(resource.object().body()) {
            return Some(resource);
        }
        let resource = resource.remember();
        let (gvk, origin) = (resource.gvk().clone(), resource.origin().clone());
        let name = resource.object().reference().to_string();
        let mut misshapen = None;
        let moved = resource.map_body(|body| misshapen = namespace::set(body, &gvk, namespace).err());
        if let Some(misshapen) = misshapen {
            self.errors.push(read::shape(&origin, name, misshapen));
            return None;
        }
        moved
            .map_err(|error| self.errors.push(RenderError::Object(error)))
            .ok()
    }

    /// What happens once, at the root: references follow, local configuration goes, and so do internal annotations.
    fn finish(&mut self, resources: Vec<Resource>) -> Vec<Object> {
        let resources = reference::follow(resources, &mut self.errors);
        let mut objects = Vec::with_capacity(resources.len());
        for resource in resources {
            if annotation::is_local(resource.object().body()) {
                continue;
            }
            match resource.into_object().map_body(annotation::remove_internal) {
                Ok(object) => objects.push(object),
                Err(error) => self.errors.push(RenderError::Object(error)),
            }
        }
        objects
    }
}

/// Resources with distinct identities, in the order they came.
#[derive(Default)]
struct Merged {
    resources: Vec<Resource>,
    index: HashMap<Identity, usize>,
}

impl Merged {
    /// Adds a resource, or says which one is there already.
    fn add(&mut self, resource: Resource) -> Option<RenderError> {
        if let Some(first) = self
            .index
            .get(&resource.identity())
            .and_then(|index| self.resources.get(*index))
        {
            return Some(RenderError::Duplicate {
                object: Box::new(resource.object().reference().clone()),
                first: Box::new(first.origin().clone()),
                second: Box::new(resource.origin().clone()),
            });
        }
        self.index.insert(resource.identity(), self.resources.len());
        self.resources.push(resource);
        None
    }
}
