//! `patches`, `patchesStrategicMerge` and `patchesJson6902`.

use std::collections::HashSet;

use afterbay_manifest::{File, Node, Place, TreePath};

use crate::accumulate::Accumulator;
use crate::annotation;
use crate::arguments::{Patch, Target};
use crate::books;
use crate::error::RenderError;
use crate::loads::Files;
use crate::merge::{self, Options, Outcome, Schema};
use crate::read;
use crate::resource::Resource;
use crate::select::Selection;

/// What a patch is applied with.
pub(crate) struct Patcher<'a> {
    pub(crate) files: Files<'a>,
    pub(crate) schema: &'a Schema,
    /// The field or the plugin.
    pub(crate) step: &'static str,
    pub(crate) place: Place,
}

impl Patcher<'_> {
    fn wrong(&self, problem: String) -> RenderError {
        RenderError::Step {
            place: self.place.clone(),
            step: self.step,
            problem,
        }
    }

    /// An entry of `patches`.
    pub(crate) fn patch(&self, entry: &Patch, gathered: &mut Accumulator) -> Result<(), RenderError> {
        let Some((patch, source)) = self.read(entry.path.as_str(), entry.text.trim())? else {
            return Ok(());
        };
        match (patch, &entry.target) {
            (merge::Patch::Strategic(objects), Some(target)) => {
                let [object] = objects.as_slice() else {
                    return match objects.as_slice() {
                        [] => Ok(()),
                        _ => Err(self.wrong(format!(
                            "{source} holds several objects, and a target takes one; make an entry of each"
                        ))),
                    };
                };
                self.merge_selected(object, target, entry, gathered)
            }
            (merge::Patch::Strategic(objects), None) => objects.iter().try_for_each(|object| {
                self.merge_named(
                    object,
                    Options {
                        by_target: false,
                        ..options(entry)
                    },
                    gathered,
                )
            }),
            (merge::Patch::Json(_), None) => Err(self.wrong(format!(
                "{source} is a list of operations and needs a target; say which objects it changes"
            ))),
            (merge::Patch::Json(operations), Some(target)) => {
                self.operate(&operations, target, true, gathered)
            }
        }
    }

    /// What `PatchStrategicMergeTransformer` is told: paths or texts in a list, and a text. `after` is called behind each
    /// entry of the list, with its index.
    pub(crate) fn all_strategic(
        &self,
        paths: &[String],
        text: &str,
        gathered: &mut Accumulator,
        after: &mut dyn FnMut(usize, &mut Accumulator),
    ) -> Result<(), RenderError> {
        let mut count = 0;
        for (index, path) in paths.iter().enumerate() {
            let (path, text) = if read::is_inline(path) {
                ("", path.as_str())
            } else {
                (path.as_str(), "")
            };
            count += self.strategic_text(path, text, gathered)?;
            after(index, gathered);
        }
        if !text.is_empty() {
            count += self.strategic_text("", text, gathered)?;
        }
        if count == 0 {
            return Err(self.wrong("holds no patch".to_owned()));
        }
        Ok(())
    }

    /// Merges what a text or a file holds; says how many objects that were.
    pub(crate) fn strategic_text(
        &self,
        path: &str,
        text: &str,
        gathered: &mut Accumulator,
    ) -> Result<usize, RenderError> {
        let read = if path.is_empty() {
            Some((self.parse(text, "the patch")?, String::new()))
        } else {
            self.read(path, "")?
        };
        match read {
            Some((merge::Patch::Strategic(objects), _)) => {
                for object in &objects {
                    let options = Options {
                        by_target: true,
                        ..Options::default()
                    };
                    self.merge_named(object, options, gathered)?;
                }
                Ok(objects.len())
            }
            Some((merge::Patch::Json(_), source)) => Err(self.wrong(format!(
                "{source} is a list of operations, and this field takes objects to merge; use patches"
            ))),
            None => Ok(0),
        }
    }

    /// An entry of `patchesJson6902`.
    pub(crate) fn json(&self, entry: &Patch, gathered: &mut Accumulator) -> Result<(), RenderError> {
        let Some(target) = entry.target.as_ref().filter(|target| !target.name.is_empty()) else {
            return Err(self.wrong("has no target.name; say which object it changes".to_owned()));
        };
        match self.read(&entry.path, &entry.text)? {
            Some((merge::Patch::Json(operations), source)) if operations.is_empty() => {
                Err(self.wrong(format!("{source} holds no operation")))
            }
            Some((merge::Patch::Json(operations), _)) => self.operate(&operations, target, false, gathered),
            Some((merge::Patch::Strategic(_), source)) => {
                Err(self.wrong(format!("{source} is no list of operations; use patches")))
            }
            None => Ok(()),
        }
    }

    /// The patch of an entry, and what messages call it; `None` for a file that is left sealed.
    fn read(&self, path: &str, text: &str) -> Result<Option<(merge::Patch, String)>, RenderError> {
        match (path, text) {
            ("", "") => Err(self.wrong("has neither patch nor path; give it one".to_owned())),
            ("", text) => Ok(Some((self.parse(text, "the patch")?, "the patch".to_owned()))),
            (path, "") => {
                let (path, file) = self.files.load(path, "patch", &self.place)?;
                if file.is_left_sealed() {
                    return Ok(None);
                }
                Ok(Some((self.parse_file(&path, file)?, format!("the patch {path}"))))
            }
            _ => Err(self.wrong("has both patch and path; keep one".to_owned())),
        }
    }

    fn parse_file(&self, path: &TreePath, file: &File) -> Result<merge::Patch, RenderError> {
        let what = format!("the patch {path}");
        if file.is_opened() {
            let documents = file
                .documents()
                .map_err(|errors| self.wrong(format!("{what} cannot be read: {errors}")))?;
            return merge::Patch::of_documents(&documents)
                .map_err(|error| self.wrong(format!("{what} {error}")));
        }
        match std::str::from_utf8(file.source()) {
            Ok(text) => self.parse(text, &what),
            Err(_) => Err(self.wrong(format!("{what} is not UTF-8"))),
        }
    }

    fn parse(&self, text: &str, what: &str) -> Result<merge::Patch, RenderError> {
        merge::Patch::parse(text).map_err(|error| self.wrong(format!("{what} {error}")))
    }

    /// Merges into every object that the target selects.
    fn merge_selected(
        &self,
        object: &Node,
        target: &Target,
        entry: &Patch,
        gathered: &mut Accumulator,
    ) -> Result<(), RenderError> {
        let selection = self.selection(target)?;
        let mut kept = Vec::with_capacity(gathered.resources.len());
        let mut result = Ok(());
        for mut resource in std::mem::take(&mut gathered.resources) {
            let outcome = if result.is_ok() && selection.selects(&resource) {
                self.merge(object, options(entry), &mut resource)
            } else {
                Ok(Outcome::Kept)
            };
            match outcome {
                Ok(Outcome::Kept) => kept.push(resource),
                Ok(Outcome::Deleted) => gathered.changed(),
                Err(error) => result = Err(error),
            }
        }
        gathered.resources = kept;
        gathered.is_merged = true;
        result?;
        self.see_changes(options(entry), gathered)
    }

    /// Merges into the one object that has or had the identity of the patch.
    fn merge_named(
        &self,
        object: &Node,
        options: Options,
        gathered: &mut Accumulator,
    ) -> Result<(), RenderError> {
        let patch = Resource::unchecked(object.clone(), self.nowhere());
        let index = self.only(&patch, gathered)?;
        gathered.is_merged = true;
        let Some(resource) = gathered.resources.get_mut(index) else {
            return Ok(());
        };
        if self.merge(object, options, resource)? == Outcome::Deleted {
            gathered.resources.remove(index);
            gathered.changed();
        }
        self.see_changes(options, gathered)
    }

    /// A patch that may change names or kinds may not give an object the identity of another; nor may an operation have done so
    /// before.
    fn see_changes(&self, options: Options, gathered: &mut Accumulator) -> Result<(), RenderError> {
        let may_rename = options.allow_name_change || options.allow_kind_change;
        if !may_rename && !gathered.is_renamed {
            return Ok(());
        }
        gathered.changed();
        if options.by_target {
            return self.check_distinct(&gathered.resources);
        }
        Ok(())
    }

    fn only(&self, patch: &Resource, gathered: &mut Accumulator) -> Result<usize, RenderError> {
        match gathered.ids.find(&gathered.resources, &patch.id()) {
            [index] => Ok(*index),
            [] => Err(self.wrong(format!(
                "no object is {} with apiVersion {:?}; correct the patch, or give it a target",
                patch.reference(),
                patch.gvk().api_version()
            ))),
            _ => Err(self.wrong(format!(
                "more than one object is or was {}; give the patch a target",
                patch.reference()
            ))),
        }
    }

    fn nowhere(&self) -> afterbay_manifest::Origin {
        afterbay_manifest::Origin {
            file: self.place.file.clone(),
            document: 0,
            position: self.place.position,
        }
    }

    fn merge(
        &self,
        object: &Node,
        options: Options,
        resource: &mut Resource,
    ) -> Result<Outcome, RenderError> {
        if options.allow_name_change || options.allow_kind_change {
            resource.remember();
        }
        let outcome = merge::apply(&mut resource.body, object, options, self.schema)
            .map_err(|error| self.wrong(format!("{}: {error}", resource.reference())))?;
        resource.settle();
        Ok(outcome)
    }

    /// Applies operations to every object that the target selects.
    fn operate(
        &self,
        operations: &[merge::Operation],
        target: &Target,
        remembers: bool,
        gathered: &mut Accumulator,
    ) -> Result<(), RenderError> {
        let selection = self.selection(target)?;
        let is_renamed = &mut gathered.is_renamed;
        let selected = gathered
            .resources
            .iter_mut()
            .filter(|resource| selection.selects(resource));
        for resource in selected {
            if remembers {
                resource.remember();
            }
            let name = resource.reference();
            let before = resource.id().key();
            books::open(resource);
            // Where kustomize writes its notes, it writes all annotations, as texts.
            if resource.source.transformations.is_empty() {
                annotation::to_values(&mut resource.body);
            }
            merge::json6902(&mut resource.body, operations)
                .map_err(|error| self.wrong(format!("{name}: {error}")))?;
            books::close(resource);
            let Resource { shared, body, .. } = resource;
            shared.forget(body);
            annotation::to_text(body)
                .map_err(|misshapen| read::shape(resource.origin(), name.to_string(), misshapen))?;
            resource.refresh();
            *is_renamed |= resource.id().key() != before;
        }
        gathered.changed();
        Ok(())
    }

    fn selection(&self, target: &Target) -> Result<Selection, RenderError> {
        Selection::new(target).map_err(|problem| self.wrong(problem))
    }

    /// A patch may not give an object the identity of another.
    fn check_distinct(&self, resources: &[Resource]) -> Result<(), RenderError> {
        let mut seen = HashSet::with_capacity(resources.len());
        match resources
            .iter()
            .find(|resource| !seen.insert(resource.id().key()))
        {
            None => Ok(()),
            Some(resource) => Err(self.wrong(format!(
                "makes {} of two objects; give one another name",
                resource.reference()
            ))),
        }
    }
}

fn options(entry: &Patch) -> Options {
    Options {
        by_target: true,
        allow_name_change: entry.allow_name_change,
        allow_kind_change: entry.allow_kind_change,
    }
}
