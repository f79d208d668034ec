//! `buildMetadata`: where an object comes from and which transformers it went through, as annotations.

use afterbay_manifest::{Mapping, Node, yaml};

use crate::remote;

/// The annotation with the origin.
pub(crate) const ORIGIN: &str = "config.kubernetes.io/origin";

/// The annotation with the transformers.
pub(crate) const TRANSFORMATIONS: &str = "alpha.config.kubernetes.io/transformations";

/// The label that names the program.
pub(crate) const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "kustomize-v5.8.2");

/// What is known about an object.
#[derive(Clone, Default)]
pub(crate) struct Source {
    pub(crate) origin: Option<Note>,
    pub(crate) transformations: Vec<Note>,
}

/// Where something lies: seen from the build, or in a repository.
#[derive(Clone, Default)]
pub(crate) struct Whereabouts {
    /// The path, `/`-separated.
    pub(crate) path: String,
    /// URL of the repository; empty for the one of the build.
    pub(crate) repository: String,
    /// What is taken of it.
    pub(crate) reference: String,
}

impl Whereabouts {
    /// Where an entry leads that is written here.
    pub(crate) fn join(&self, entry: &str) -> Self {
        match remote::origin(entry) {
            Some((repository, reference, path)) => Self {
                path: join("", &path),
                repository,
                reference,
            },
            None => Self {
                path: join(&self.path, entry),
                ..self.clone()
            },
        }
    }
}

/// A file, or a configuration and the file that holds it.
#[derive(Clone, Default)]
pub(crate) struct Note {
    /// The object's file, or the one that configures.
    pub(crate) file: Whereabouts,
    /// What configures: `apiVersion`, kind, name, namespace.
    pub(crate) configured_by: Option<[String; 4]>,
}

impl Note {
    /// The note of a file with objects.
    pub(crate) fn of_file(file: Whereabouts) -> Self {
        Self {
            file,
            configured_by: None,
        }
    }

    /// The note of a builtin plugin that a field of a kustomization file stands for.
    pub(crate) fn of_builtin(file: Whereabouts, kind: &str) -> Self {
        Self {
            file,
            configured_by: Some([
                "builtin".to_owned(),
                kind.to_owned(),
                String::new(),
                String::new(),
            ]),
        }
    }

    fn node(&self) -> Node {
        let mut entries = Mapping::new();
        let put = |entries: &mut Mapping, key: &str, text: &str| {
            if !text.is_empty() {
                entries.insert(key.to_owned(), Node::plain(text));
            }
        };
        let Whereabouts {
            path,
            repository,
            reference,
        } = &self.file;
        let (object, configuration) = match self.configured_by {
            None => (path.as_str(), ""),
            Some(_) => ("", path.as_str()),
        };
        put(&mut entries, "path", object);
        put(&mut entries, "repo", repository);
        put(&mut entries, "ref", reference);
        put(&mut entries, "configuredIn", configuration);
        if let Some(by) = &self.configured_by {
            let mut inner = Mapping::new();
            for (key, text) in ["apiVersion", "kind", "name", "namespace"].into_iter().zip(by) {
                put(&mut inner, key, text);
            }
            entries.insert("configuredBy".to_owned(), Node::plain(inner));
        }
        Node::plain(entries)
    }
}

impl Source {
    /// Records that a transformer went over the object; what it made has it as its origin.
    pub(crate) fn transformed(&mut self, note: &Note) {
        if self.origin.is_none() {
            self.origin = Some(note.clone());
        } else {
            self.transformations.push(note.clone());
        }
    }

    /// The annotations that were asked for.
    pub(crate) fn annotations(&self, origin: bool, transformations: bool) -> Vec<(&'static str, String)> {
        let mut annotations = Vec::new();
        if let Some(note) = self.origin.as_ref().filter(|_| origin) {
            annotations.push((ORIGIN, yaml::emit([&note.node()])));
        }
        if transformations && !self.transformations.is_empty() {
            let notes: Vec<Node> = self.transformations.iter().map(Note::node).collect();
            annotations.push((TRANSFORMATIONS, yaml::emit([&Node::plain(notes)])));
        }
        annotations
    }
}

/// A path seen from another, `..` and `.` taken out, as Go's `filepath.Join` does.
fn join(base: &str, path: &str) -> String {
    let mut steps: Vec<&str> = Vec::new();
    for step in base.split('/').chain(path.split('/')) {
        match (step, steps.last()) {
            ("" | ".", _) => {}
            ("..", Some(last)) if *last != ".." => {
                steps.pop();
            }
            (step, _) => steps.push(step),
        }
    }
    steps.join("/")
}

#[cfg(test)]
mod tests {
    use super::join;

    #[test]
    fn paths_are_joined_and_cleaned() {
        assert_eq!(join("", "a.yaml"), "a.yaml");
        assert_eq!(join("../base", "./a.yaml"), "../base/a.yaml");
        assert_eq!(join("../base", "../../x"), "../../x");
        assert_eq!(join("a/b", "../c"), "a/c");
    }
}
