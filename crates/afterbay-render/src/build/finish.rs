//! What happens once, at the root of a build.

use std::collections::HashMap;

use afterbay_manifest::{Mapping, Node, Object};

use super::{Build, Metadata, Order};
use crate::accumulate::Accumulator;
use crate::error::RenderError;
use crate::explain::{self, Change, Watch};
use crate::kustomization::Kustomization;
use crate::locate::Target;
use crate::resource::Resource;
use crate::specification::Specification;
use crate::{annotation, build_metadata, hash, read, references, sort, vars};

impl Build<'_> {
    /// What happens once, at the root.
    pub(super) fn finish(
        &mut self,
        mut gathered: Accumulator,
        target: &Target,
        specification: &Specification,
    ) -> Vec<Object> {
        let nothing = Kustomization::default();
        let kustomization = target.kustomization.as_ref().unwrap_or(&nothing);
        let mut watch = Watch::new(self.explains, &gathered);
        hash::transform(&mut gathered.resources, &mut self.errors);
        watch.see(&mut gathered, || Change::at_the_end("hash of the content"));
        references::follow(&mut gathered.resources, gathered.config.specs(), &mut self.errors);
        watch.see(&mut gathered, || Change::at_the_end("names that follow"));
        self.resolve_variables(&mut gathered);
        drop(watch);
        vars::explain(&mut gathered);
        let mut watch = Watch::new(self.explains, &gathered);
        gathered
            .resources
            .retain(|resource| !annotation::is_local(&resource.body));
        watch.see(&mut gathered, || Change::at_the_end("local-config"));
        drop(watch);
        // Two that a layer made one of have been named there.
        if self.errors.is_empty() {
            gathered.check_distinct(&mut self.errors);
        }
        self.explanation.removed = std::mem::take(&mut gathered.removed);
        let mut resources = gathered.resources;
        match (&kustomization.sort_options, self.options.order) {
            (Some(options), _) => {
                let place = kustomization.place("sortOptions");
                sort::transform(&mut resources, options, &place, &mut self.errors);
            }
            (None, Order::Legacy) => sort::by_default(&mut resources),
            (None, Order::Input) => {}
        }
        let mut objects = Vec::with_capacity(resources.len());
        for resource in resources {
            let mut resource = self.clean(resource);
            let step = if self.metadata.is_kept {
                Change::by("buildMetadata", kustomization.place("buildMetadata"))
            } else {
                Change::at_the_end("internal annotations")
            };
            explain::note(&mut resource, &step);
            self.conclude(&mut resource, specification);
            self.explanation.objects.extend(explain::tell(&resource));
            let object = if self.options.allows_missing_api_version {
                resource.into_any_object()
            } else {
                resource.into_object()
            };
            match object {
                Ok(object) => objects.push(object),
                Err(error) => self.errors.push(RenderError::Object(error)),
            }
        }
        if specification.post_build.is_some() && self.errors.is_empty() {
            self.check_distinct(&objects);
        }
        objects
    }

    /// Reports objects that substitution gave one identity.
    fn check_distinct(&mut self, objects: &[Object]) {
        let mut seen = HashMap::with_capacity(objects.len());
        for object in objects {
            if let Some(first) = seen.insert(object.reference(), object.origin()) {
                self.errors.push(RenderError::Duplicate {
                    object: Box::new(object.reference().clone()),
                    first: Box::new(first.clone()),
                    second: Box::new(object.origin().clone()),
                });
            }
        }
    }

    /// What Flux does to an object after the build.
    fn conclude(&mut self, resource: &mut Resource, specification: &Specification) {
        if let Err(source) = specification.substitute(&mut resource.body) {
            self.errors.push(RenderError::Substitute {
                origin: resource.origin().clone(),
                object: Box::new(resource.reference()),
                source,
            });
        }
        explain::note(resource, &Change::at_the_end("postBuild"));
        specification.set_common_metadata(&mut resource.body);
        explain::note(resource, &Change::at_the_end("commonMetadata"));
    }

    /// Takes internal annotations out, and puts in what was asked for.
    fn clean(&mut self, mut resource: Resource) -> Resource {
        if self.metadata.managed_by {
            let (key, value) = build_metadata::MANAGED_BY;
            put(&mut resource.body, "labels", key, value);
        }
        annotation::remove_internal(&mut resource.body);
        let Metadata {
            origin,
            transformations,
            ..
        } = self.metadata;
        for (key, value) in resource.source.annotations(origin, transformations) {
            put(&mut resource.body, "annotations", key, &value);
        }
        if let Err(misshapen) = annotation::to_text(&mut resource.body) {
            let reference = resource.reference().to_string();
            self.errors
                .push(read::shape(resource.origin(), reference, misshapen));
        }
        resource
    }
}

/// Puts a text into a map of `metadata`.
fn put(body: &mut Node, field: &str, key: &str, text: &str) {
    let Some(metadata) = body.as_mapping_mut().and_then(|body| body.get_mut("metadata")) else {
        return;
    };
    let Some(metadata) = metadata.as_mapping_mut() else {
        return;
    };
    let map = metadata
        .entry(field.to_owned())
        .or_insert_with(|| Node::plain(Mapping::new()));
    if let Some(entries) = map.as_mapping_mut() {
        entries.insert(key.to_owned(), Node::plain(text));
    }
}
