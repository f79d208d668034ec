//! Everything that is said about a sealed file on its way to a set of objects.

use std::error::Error;
use std::fmt::{Debug, Display, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

use afterbay_decrypt::{DecryptOptions, Unfinished, finish, overlay, scan, scan_objects};
use afterbay_manifest::yaml::Table;
use afterbay_manifest::{
    DataKeys, FileTree, KeyRequest, Mapping, Node, Object, Origin, RenderedSet, Revision, TreePath, Warning,
};
use afterbay_sops::{
    ExtractPath, Format, IntegrityPolicy, MacPolicy, OpenPolicy, OpenedFile, SealedFile, SopsErrors,
};

/// What was printed.
#[derive(Default)]
pub(crate) struct Said(pub(crate) String);

impl Said {
    pub(crate) fn debug(&mut self, value: &impl Debug) {
        writeln!(self.0, "{value:?}").unwrap();
    }

    pub(crate) fn display(&mut self, value: &impl Display) {
        writeln!(self.0, "{value}").unwrap();
    }

    /// An error and whatever caused it.
    pub(crate) fn error(&mut self, error: &dyn Error) {
        let mut next = Some(error);
        while let Some(error) = next {
            writeln!(self.0, "{error}\n{error:?}").unwrap();
            next = error.source();
        }
    }

    fn warnings(&mut self, warnings: &[Warning]) {
        for warning in warnings {
            self.display(warning);
            self.debug(warning);
        }
    }
}

/// All that is said about a file, opened with what became of its keys; a panic is an error.
pub(crate) fn everything_said(
    path: &TreePath,
    sealed: &[u8],
    keys: &DataKeys,
    unwrap: &dyn Fn(&[KeyRequest]) -> DataKeys,
) -> Result<String, String> {
    let opening = AssertUnwindSafe(|| {
        let mut said = Said::default();
        by_format(&mut said, path, sealed, keys);
        by_stage(&mut said, path, sealed, keys, unwrap);
        said.0
    });
    catch_unwind(opening).map_err(|_| format!("{path}: a panic"))
}

fn by_format(said: &mut Said, path: &TreePath, bytes: &[u8], keys: &DataKeys) {
    match SealedFile::find(path, Format::of_path(path), bytes) {
        Err(errors) => said.error(&errors),
        Ok(None) => {
            if let Some(errors) = SopsErrors::stray_tokens(path, bytes) {
                said.error(&errors);
            }
        }
        Ok(Some(sealed)) => {
            said.debug(&sealed);
            for (mac, integrity) in [
                (MacPolicy::Require, IntegrityPolicy::Sops),
                (MacPolicy::Warn, IntegrityPolicy::Strict),
                (MacPolicy::Off, IntegrityPolicy::Sops),
            ] {
                match sealed.clone().open(keys, OpenPolicy { mac, integrity }) {
                    Ok(opened) => by_store(said, &opened),
                    Err(errors) => said.error(&errors),
                }
            }
        }
    }
}

/// What other stores make of it, and parts that are not there.
fn by_store(said: &mut Said, opened: &OpenedFile) {
    said.debug(opened);
    said.warnings(&opened.warnings);
    for format in [Format::Json, Format::Dotenv, Format::Ini, Format::Binary] {
        match opened.emit(format) {
            Ok(text) => said.debug(&text),
            Err(errors) => said.error(&errors),
        }
    }
    for path in ["[\"nope\"]", "[0]", "[\"string\"][\"x\"]", "[\"data\"][\"x\"]"] {
        let path: ExtractPath = path.parse().unwrap();
        match opened.extract(&path, Format::Json) {
            Ok(text) => said.debug(&text),
            Err(error) => said.error(&error),
        }
    }
}

fn by_stage(
    said: &mut Said,
    path: &TreePath,
    bytes: &[u8],
    keys: &DataKeys,
    unwrap: &dyn Fn(&[KeyRequest]) -> DataKeys,
) {
    let options = DecryptOptions::default();
    let mut tree = FileTree::new();
    tree.insert_file(path.clone(), bytes, false);
    let sealed = scan(&tree, [path], &options);
    said.debug(&sealed);
    let (tree, opened) = overlay(tree, sealed, keys, &options);
    said.debug(&tree);
    said.debug(&opened);
    said.debug(&opened.reports());
    said.warnings(opened.warnings());
    let rendered = RenderedSet {
        revision: Revision::UNKNOWN,
        objects: objects(said, &tree, path),
        warnings: Vec::new(),
    };
    said.debug(&rendered);
    let tokens = scan_objects(&rendered, opened, &options);
    said.debug(&tokens);
    let keys = unwrap(tokens.key_requests());
    match finish(rendered, tokens, &keys, &options) {
        Ok(set) => {
            said.debug(&set);
            said.debug(&set.report());
            said.debug(&set.into_parts());
        }
        Err(Unfinished { errors, parts }) => {
            said.error(&errors);
            for error in &errors.0 {
                said.error(error);
            }
            for finding in errors.findings() {
                said.debug(&finding);
            }
            said.debug(&parts);
        }
    }
}

/// The objects of a file, and each of its maps once more where no opened value may stand.
fn objects(said: &mut Said, tree: &FileTree, path: &TreePath) -> Vec<Object> {
    let documents = match tree.file(path).map(|(_, file)| file.documents()) {
        Ok(Ok(documents)) => documents.into_owned(),
        Ok(Err(errors)) => {
            said.error(&errors);
            return Vec::new();
        }
        Err(error) => {
            said.error(&error);
            return Vec::new();
        }
    };
    let mut objects = Vec::new();
    for document in documents {
        let origin = Origin {
            file: path.clone(),
            document: document.index,
            position: document.position,
        };
        let body = match document.resolve(Table::Kustomize) {
            Ok(Some(body)) => body,
            Ok(None) => continue,
            Err(errors) => {
                said.error(&errors);
                continue;
            }
        };
        for body in [stray(body.clone()), body] {
            match Object::new(body, origin.clone()) {
                Ok(object) => objects.push(object),
                Err(error) => said.error(&error),
            }
        }
    }
    objects
}

fn stray(body: Node) -> Node {
    let text = |text: &str| Node::plain(text);
    let name = Mapping::from_iter([("name".to_owned(), text("stray"))]);
    Node::plain(Mapping::from_iter([
        ("apiVersion".to_owned(), text("v1")),
        ("kind".to_owned(), text("Stray")),
        ("metadata".to_owned(), Node::plain(name)),
        ("copy".to_owned(), body),
    ]))
}
