//! What a build reads: the directories and files, found without opening a resource.

mod inputs;

use afterbay_manifest::{File, FileTree, Place, Position, TreeError, TreePath, Warning};

use crate::error::RenderError;
use crate::kustomization::{self, Kustomization, Listed};
use crate::reach::{self, Reached};
use crate::specification::Specification;
use crate::{generate, loads, plugins, read, remote};

pub use inputs::{Inputs, inputs, inputs_specified, remote_entries};

/// How deep bases and components may be nested.
const MAX_DEPTH: usize = 100;

/// How many kustomization files a build may read, each as often as it is listed.
const MAX_LAYERS: usize = 20_000;

/// What a directory builds.
#[derive(Default)]
pub(crate) struct Target {
    /// The directory.
    pub(crate) directory: TreePath,
    /// What its kustomization file says, or what was asked from outside; `None` when Flux's rule made up the list alone.
    pub(crate) kustomization: Option<Kustomization>,
    /// What it lists, in order.
    pub(crate) entries: Vec<Entry>,
    /// What changes what it has.
    pub(crate) components: Vec<Entry>,
    /// Configuration of generators, transformers and validators.
    pub(crate) generators: Vec<Plugin>,
    pub(crate) transformers: Vec<Plugin>,
    pub(crate) validators: Vec<Plugin>,
    /// Files of patches, of generators, of configurations, ….
    pub(crate) files: Vec<TreePath>,
}

/// Something a directory lists.
pub(crate) struct Entry {
    /// As written.
    pub(crate) listed: Listed,
    pub(crate) found: Found,
}

/// What an entry leads to.
pub(crate) enum Found {
    /// A file with objects, symbolic links followed.
    File(TreePath),
    /// A directory that is built by itself.
    Base(Box<Target>),
}

/// Configuration of a plugin.
pub(crate) enum Plugin {
    /// Text in the kustomization file.
    Inline(Listed),
    /// A file, or a directory that builds it.
    Entry(Box<Entry>),
}

impl Target {
    /// Its kustomization file, if there is one in the tree.
    pub(crate) fn file(&self) -> Option<&TreePath> {
        let read = self.kustomization.as_ref().filter(|read| !read.is_made_up);
        read.map(|kustomization| &kustomization.file)
    }

    fn list(&self, paths: &mut Vec<TreePath>) {
        paths.extend(self.file().cloned());
        let list_entry = |entry: &Entry, paths: &mut Vec<TreePath>| match &entry.found {
            Found::File(path) => paths.push(path.clone()),
            Found::Base(target) => target.list(paths),
        };
        for entry in &self.entries {
            list_entry(entry, paths);
        }
        for plugins in [&self.generators, &self.transformers, &self.validators] {
            for plugin in plugins {
                if let Plugin::Entry(entry) = plugin {
                    list_entry(entry, paths);
                }
            }
        }
        paths.extend(self.files.iter().cloned());
        for entry in &self.components {
            list_entry(entry, paths);
        }
    }
}

/// A target with what is wrong with it and what the user should know about how it was found.
pub(crate) struct Located {
    pub(crate) target: Target,
    /// What is looked for and is not in the tree.
    missing: Vec<TreePath>,
    pub(crate) warnings: Vec<Warning>,
    pub(crate) errors: Vec<RenderError>,
}

/// Finds what the build of a directory consists of.
pub(crate) fn locate(
    tree: &FileTree,
    path: &TreePath,
    needs_file: bool,
    specification: &Specification,
) -> Located {
    let mut locator = Locator {
        tree,
        visited: Vec::new(),
        needs_file,
        layers: 0,
        missing: Vec::new(),
        specification,
        errors: Vec::new(),
        warnings: Vec::new(),
    };
    let target = match tree.directory(path) {
        Ok(directory) => locator.root(&directory),
        Err(source) => {
            let path = path.clone();
            locator.errors.push(RenderError::Target { path, source });
            Target::default()
        }
    };
    let mut missing = locator.missing;
    missing.extend(locator.errors.iter().filter_map(RenderError::missing).cloned());
    Located {
        target,
        missing,
        warnings: locator.warnings,
        errors: locator.errors,
    }
}

pub(crate) struct Locator<'a> {
    pub(crate) tree: &'a FileTree,
    /// The directories being built, outermost first.
    pub(crate) visited: Vec<TreePath>,
    /// Whether the directory of the build has to have a kustomization file.
    needs_file: bool,
    /// How many kustomization files were read.
    layers: usize,
    /// What is looked for, is not in the tree, and is in no error.
    pub(crate) missing: Vec<TreePath>,
    /// What is asked of the directory of the build.
    specification: &'a Specification,
    pub(crate) errors: Vec<RenderError>,
    pub(crate) warnings: Vec<Warning>,
}

/// Where entries are written: the directory and the kustomization file.
#[derive(Clone, Copy)]
pub(crate) struct Site<'k> {
    pub(crate) directory: &'k TreePath,
    pub(crate) file: &'k TreePath,
}

impl<'a> Locator<'a> {
    fn root(&mut self, directory: &TreePath) -> Target {
        let names = kustomization::file_names(self.tree, directory);
        if names.is_empty() && self.needs_file {
            self.errors.push(RenderError::NoKustomization {
                directory: directory.clone(),
            });
            return Target::default();
        }
        if names.is_empty() {
            self.visited.push(directory.clone());
            let mut target = generate::target(self, directory);
            if let Some(mut kustomization) = self.specification.made_up(directory) {
                self.inject(&mut kustomization, directory);
                self.fill(&mut target, &kustomization);
                target.kustomization = Some(kustomization);
            }
            return target;
        }
        self.directory(directory, names)
    }

    /// A directory with at least one kustomization file.
    pub(crate) fn directory(&mut self, directory: &TreePath, names: Vec<String>) -> Target {
        let mut target = Target {
            directory: directory.clone(),
            ..Target::default()
        };
        let (Some(name), 1) = (names.first(), names.len()) else {
            self.errors.push(RenderError::ManyKustomizationFiles {
                directory: directory.clone(),
                files: names,
            });
            return target;
        };
        let Some((path, file)) = self.kustomization_file(directory, name) else {
            return target;
        };
        let (mut kustomization, errors) = kustomization::read(path, file);
        if self.visited.is_empty() {
            self.inject(&mut kustomization, directory);
        }
        let repeated = kustomization.repeated.iter().map(|error| Warning {
            place: Some(Place::new(kustomization.file.clone(), error.position)),
            message: format!("{}; kustomize takes the last one", error.message),
        });
        self.warnings.extend(repeated);
        let sound = errors.is_empty();
        self.errors.extend(errors);
        if sound && kustomization.empty {
            self.empty(&kustomization.file);
        }
        if self.may_go_on(&kustomization.file) {
            self.visited.push(directory.clone());
            self.fill(&mut target, &kustomization);
            self.visited.pop();
        }
        target.kustomization = Some(kustomization);
        target
    }

    /// Holds a build within its limits: layers that list each other twice double with every layer.
    fn may_go_on(&mut self, file: &TreePath) -> bool {
        self.layers += 1;
        let problem = if self.visited.len() >= MAX_DEPTH {
            format!("bases and components are nested more than {MAX_DEPTH} deep, which is the limit")
        } else if self.layers == MAX_LAYERS + 1 {
            format!(
                "the build reads more than {MAX_LAYERS} kustomization files, each as often as it is listed, which is the limit"
            )
        } else {
            return self.layers <= MAX_LAYERS;
        };
        self.errors.push(RenderError::Step {
            place: Place::of_file(file.clone()),
            step: "layers",
            problem,
        });
        false
    }

    /// Puts what is asked from outside into the kustomization of the root.
    fn inject(&mut self, kustomization: &mut Kustomization, directory: &TreePath) {
        let lacking = self.specification.inject(kustomization, directory, self.tree);
        self.errors.extend(lacking.errors);
        self.missing.extend(lacking.missing);
    }

    fn fill(&mut self, target: &mut Target, kustomization: &Kustomization) {
        let directory = target.directory.clone();
        let site = Site {
            directory: &directory,
            file: &kustomization.file,
        };
        for listed in &kustomization.resources {
            target.entries.extend(self.entry(site, "resource", listed));
        }
        for (into, what, listed) in [
            (&mut target.generators, "generator", &kustomization.generators),
            (
                &mut target.transformers,
                "transformer",
                &kustomization.transformers,
            ),
            (&mut target.validators, "validator", &kustomization.validators),
        ] {
            for listed in listed {
                into.extend(self.plugin(site, what, listed));
            }
        }
        for listed in &kustomization.components {
            let file = kustomization.at(listed.position).file;
            let site = Site { file: &file, ..site };
            target.components.extend(self.component(site, listed));
        }
        for (what, listed) in loads::of(kustomization) {
            if let Some(path) = self.load(site, what, &listed) {
                target.files.push(path);
            }
        }
        let plugins = [&target.generators, &target.transformers, &target.validators];
        let nested = plugins::files(self.tree, &plugins, &directory);
        for path in nested {
            if remote::is_http(&path) {
                let listed = Listed {
                    text: path,
                    position: Position::UNKNOWN,
                };
                target.files.extend(self.load(site, "file of a plugin", &listed));
                continue;
            }
            match reach::file_from(self.tree, &directory, &path) {
                Ok((path, _)) => target.files.push(path),
                Err(TreeError::NotFound { path }) => self.missing.push(path),
                // The build says what is wrong.
                Err(_) => {}
            }
        }
    }

    fn kustomization_file(&mut self, directory: &TreePath, name: &str) -> Option<(TreePath, &'a File)> {
        let tree = self.tree;
        match reach::file_from(tree, directory, name) {
            Ok(found) => Some(found),
            Err(source) => {
                self.errors.push(RenderError::Target {
                    path: directory.clone(),
                    source,
                });
                None
            }
        }
    }

    /// kustomize refuses a file that says nothing; Flux makes the build's own one valid, and so empty.
    fn empty(&mut self, file: &TreePath) {
        if self.visited.is_empty() && !self.needs_file {
            self.warnings.push(Warning {
                place: Some(Place::of_file(file.clone())),
                message: "the kustomization file lists nothing, so nothing is built".to_owned(),
            });
        } else {
            self.errors
                .push(RenderError::EmptyKustomization { file: file.clone() });
        }
    }

    fn plugin(&mut self, site: Site<'_>, what: &'static str, listed: &Listed) -> Option<Plugin> {
        if read::is_inline(&listed.text) {
            return Some(Plugin::Inline(listed.clone()));
        }
        self.entry(site, what, listed)
            .map(|entry| Plugin::Entry(Box::new(entry)))
    }

    fn entry(&mut self, site: Site<'_>, what: &'static str, listed: &Listed) -> Option<Entry> {
        let found = self.resolve(site, what, listed, true);
        self.follow(site, what, listed, found)
    }

    /// A component is always a directory.
    fn component(&mut self, site: Site<'_>, listed: &Listed) -> Option<Entry> {
        let found = self.resolve(site, "component", listed, false);
        self.follow(site, "component", listed, found)
    }

    fn follow(
        &mut self,
        site: Site<'_>,
        what: &'static str,
        listed: &Listed,
        place: Result<Reached, RenderError>,
    ) -> Option<Entry> {
        let found = match place {
            Ok(Reached::File(path)) => Found::File(path),
            Ok(Reached::Base(base, names)) => {
                let target = self.directory(&base, names);
                let is_component = target
                    .kustomization
                    .as_ref()
                    .is_some_and(|found| found.is_component);
                if is_component != (what == "component") {
                    let problem = if is_component {
                        "is a Component; list it under components"
                    } else {
                        "is a Kustomization; list it under resources, or make it a Component"
                    };
                    self.errors.push(RenderError::WrongKind {
                        place: Place::new(site.file.clone(), listed.position),
                        what,
                        entry: listed.text.clone(),
                        problem,
                    });
                }
                Found::Base(Box::new(target))
            }
            Err(error) => {
                self.errors.push(error);
                return None;
            }
        };
        Some(Entry {
            listed: listed.clone(),
            found,
        })
    }
}
