//! The tar stream between `fetch`, `decrypt` and `render`: a revision's files, nothing unpacked.
//!
//! The first entry is a pax global header (POSIX.1-2017, pax "Interchange Format") that carries the commit
//! as `comment`, as `git archive` writes it, and the remote, the reference and what was fetched beside the revision under
//! names of our own. A file that was opened says so in an extended header before it, so that whoever prints it later knows.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};

use afterbay_manifest::{Entry, FileTree, Revision, Snapshot, TreeError, TreePath};
use tar::{Archive, Builder, EntryType, Header};
use thiserror::Error;

/// The most a stream may hold, so that a hostile one cannot fill the memory.
const MAX_TOTAL: u64 = 512 << 20;

const COMMIT: &str = "comment";
const REFERENCE: &str = "AFTERBAY.reference";
const REMOTE: &str = "AFTERBAY.remote";
const OPENED: &str = "AFTERBAY.opened";
/// A directory that holds what was fetched for a remote entry; one record for each.
const FETCHED: &str = "AFTERBAY.fetched";

/// Why a tar stream could not be read or written.
#[derive(Debug, Error)]
pub(crate) enum ArchiveError {
    /// The stream is not a tar stream, ends early, or cannot be read or written.
    #[error(
        "cannot {action} the tar stream; it comes from `afterbay fetch`, `afterbay decrypt` or `git archive`"
    )]
    Stream {
        /// `read` or `write`.
        action: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// An entry's name leaves the tree.
    #[error("entry of the tar stream: {0}")]
    Path(#[from] TreeError),
    /// An entry is neither a file, a directory nor a symbolic link.
    #[error("{path}: entries of type {kind:?} are not accepted in a tar stream")]
    Kind {
        /// The entry.
        path: TreePath,
        /// Its type.
        kind: EntryType,
    },
    /// A symbolic link leaves the tree.
    #[error("{path}: symbolic link to {target} leaves the tree")]
    Link {
        /// The link.
        path: TreePath,
        /// Its target.
        target: String,
    },
    /// The stream holds too much.
    #[error("the tar stream holds more than {} MiB; select less with --path", MAX_TOTAL >> 20)]
    TooLarge,
}

/// Writes the files of a tree that `keep` chooses: opened text where there is some, else the source.
pub(crate) fn write(
    out: impl Write,
    snapshot: &Snapshot,
    remote: Option<&str>,
    keep: impl Fn(&TreePath) -> bool,
) -> Result<(), ArchiveError> {
    let failed = |source| ArchiveError::Stream {
        action: "write",
        source,
    };
    let mut builder = Builder::new(out);
    builder.mode(tar::HeaderMode::Deterministic);
    write_global_header(&mut builder, snapshot, remote).map_err(failed)?;
    for (path, entry) in snapshot.tree.entries().filter(|(path, _)| keep(path)) {
        write_entry(&mut builder, path, entry).map_err(failed)?;
    }
    builder
        .into_inner()
        .and_then(|mut out| out.flush())
        .map_err(failed)
}

fn write_entry(builder: &mut Builder<impl Write>, path: &TreePath, entry: &Entry) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_mtime(0);
    match entry {
        Entry::File(file) => {
            let (content, _) = file.expose_content();
            if file.is_opened() {
                builder.append_pax_extensions([(OPENED, b"true".as_slice())])?;
            }
            header.set_entry_type(EntryType::Regular);
            header.set_mode(if file.is_executable() { 0o755 } else { 0o644 });
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, path.as_str(), content)
        }
        Entry::Link(target) => {
            header.set_entry_type(EntryType::Symlink);
            header.set_mode(0o777);
            header.set_size(0);
            builder.append_link(&mut header, path.as_str(), &**target)
        }
        // `git archive` writes a submodule as an empty directory.
        Entry::Submodule(_) => {
            header.set_entry_type(EntryType::Directory);
            header.set_mode(0o755);
            header.set_size(0);
            builder.append_data(&mut header, format!("{}/", path.as_str()), io::empty())
        }
    }
}

fn write_global_header(
    builder: &mut Builder<impl Write>,
    snapshot: &Snapshot,
    remote: Option<&str>,
) -> io::Result<()> {
    let fetched = snapshot.tree.mounts().map(|path| (FETCHED, Some(path.as_str())));
    let records = [
        (COMMIT, snapshot.revision.commit.as_deref()),
        (REFERENCE, snapshot.revision.reference.as_deref()),
        (REMOTE, remote),
    ];
    let body: String = records
        .into_iter()
        .chain(fetched)
        .filter_map(|(key, value)| value.map(|value| pax_record(key, value)))
        .collect();
    if body.is_empty() {
        return Ok(());
    }
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::XGlobalHeader);
    header.set_path("pax_global_header")?;
    header.set_mode(0o644);
    header.set_size(body.len() as u64);
    header.set_cksum();
    builder.append(&header, body.as_bytes())
}

/// `LENGTH key=value\n`, in which the length counts itself.
fn pax_record(key: &str, value: &str) -> String {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    format!("{length} {key}={value}\n")
}

/// What a tar stream holds.
#[derive(Debug)]
pub(crate) struct Contents {
    /// The files, and the revision it carries.
    pub(crate) snapshot: Snapshot,
    /// The remote it carries.
    pub(crate) remote: Option<String>,
    /// The files in which values were opened.
    pub(crate) opened: BTreeSet<TreePath>,
}

/// Reads a tar stream into a tree, with what it says about it.
pub(crate) fn read(input: impl Read) -> Result<Contents, ArchiveError> {
    let failed = |source| ArchiveError::Stream {
        action: "read",
        source,
    };
    let mut tree = FileTree::new();
    let (mut header, mut opened) = (GlobalHeader::default(), BTreeSet::new());
    let mut left = MAX_TOTAL;
    let mut archive = Archive::new(input);
    for entry in archive.entries().map_err(failed)? {
        let mut entry = entry.map_err(failed)?;
        left = left.checked_sub(entry.size()).ok_or(ArchiveError::TooLarge)?;
        let kind = entry.header().entry_type();
        if kind.is_pax_global_extensions() {
            let mut body = Vec::new();
            entry.read_to_end(&mut body).map_err(failed)?;
            header.read(&body)?;
            continue;
        }
        let path = TreePath::root().join(&String::from_utf8_lossy(&entry.path_bytes()))?;
        if is_opened(&mut entry).map_err(failed)? {
            opened.insert(path.clone());
        }
        match kind {
            EntryType::Regular | EntryType::Continuous => {
                let executable = entry.header().mode().is_ok_and(|mode| mode & 0o100 != 0);
                let mut content = Vec::new();
                entry.read_to_end(&mut content).map_err(failed)?;
                tree.insert_file(path, content, executable);
            }
            EntryType::Symlink => {
                let target = entry.link_name_bytes().unwrap_or_default();
                tree.insert_link(path, &String::from_utf8_lossy(&target));
            }
            EntryType::Directory => {}
            kind => return Err(ArchiveError::Kind { path, kind }),
        }
    }
    if let Some((path, target)) = tree.escaping_links().into_iter().next() {
        return Err(ArchiveError::Link { path, target });
    }
    header.fetched.into_iter().for_each(|path| tree.mark_mount(path));
    Ok(Contents {
        snapshot: Snapshot {
            revision: header.revision,
            tree,
        },
        remote: header.remote,
        opened,
    })
}

fn is_opened(entry: &mut tar::Entry<'_, impl Read>) -> io::Result<bool> {
    let records = entry.pax_extensions()?;
    Ok(records
        .into_iter()
        .flatten()
        .flatten()
        .any(|record| record.key() == Ok(OPENED)))
}

/// What stands before the files.
struct GlobalHeader {
    revision: Revision,
    remote: Option<String>,
    fetched: Vec<TreePath>,
}

impl Default for GlobalHeader {
    fn default() -> Self {
        Self {
            revision: Revision::UNKNOWN,
            remote: None,
            fetched: Vec::new(),
        }
    }
}

impl GlobalHeader {
    fn read(&mut self, body: &[u8]) -> Result<(), TreeError> {
        for record in tar::PaxExtensions::new(body).flatten() {
            let (Ok(key), Ok(value)) = (record.key(), record.value()) else {
                continue;
            };
            match key {
                COMMIT => self.revision.commit = Some(value.to_owned()),
                REFERENCE => self.revision.reference = Some(value.to_owned()),
                REMOTE => self.remote = Some(value.to_owned()),
                FETCHED => self.fetched.push(TreePath::parse(value)?),
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot() -> Snapshot {
        let mut tree = FileTree::new();
        tree.insert_file(
            TreePath::parse("apps/db.yaml").unwrap(),
            b"a: 1\n".to_vec(),
            false,
        );
        tree.insert_file(TreePath::parse("run.sh").unwrap(), b"#!".to_vec(), true);
        tree.insert_link(TreePath::parse("apps/link.yaml").unwrap(), "db.yaml");
        let revision = Revision {
            reference: Some("main".into()),
            commit: Some("9c5b".repeat(10)),
        };
        Snapshot { revision, tree }
    }

    fn written(keep: impl Fn(&TreePath) -> bool) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out, &snapshot(), Some("https://git.example/fleet"), keep).unwrap();
        out
    }

    #[test]
    fn a_tree_survives_the_pipe() {
        let Contents {
            snapshot: copy,
            remote,
            opened,
        } = read(&*written(|_| true)).unwrap();
        assert!(opened.is_empty());
        assert_eq!(copy.revision, snapshot().revision);
        assert_eq!(remote.as_deref(), Some("https://git.example/fleet"));
        let paths: Vec<&str> = copy.tree.entries().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["apps/db.yaml", "apps/link.yaml", "run.sh"]);
        let (real, file) = copy
            .tree
            .file(&TreePath::parse("apps/link.yaml").unwrap())
            .unwrap();
        assert_eq!((real.as_str(), file.source()), ("apps/db.yaml", &b"a: 1\n"[..]));
        assert!(
            copy.tree
                .file(&TreePath::parse("run.sh").unwrap())
                .unwrap()
                .1
                .is_executable()
        );
    }

    #[test]
    fn only_what_is_kept_is_written() {
        let copy = read(&*written(|path| path.as_str() == "run.sh")).unwrap();
        assert_eq!(copy.snapshot.tree.entries().count(), 1);
    }

    #[test]
    fn what_was_opened_is_said_of_the_file() {
        let mut snapshot = snapshot();
        let long = format!("{}/{}.yaml", "d".repeat(90), "f".repeat(90));
        for path in ["apps/db.yaml", &long] {
            let path = TreePath::parse(path).unwrap();
            snapshot.tree.insert_file(path.clone(), b"sealed".to_vec(), false);
            let text = afterbay_manifest::SecretBytes::new(b"a: 2\n".to_vec());
            let plain = afterbay_manifest::Provenance::PLAIN;
            snapshot.tree.lay_over(&path, text, Vec::new(), plain).unwrap();
        }
        let mut out = Vec::new();
        write(&mut out, &snapshot, None, |_| true).unwrap();
        let copy = read(&*out).unwrap();
        let opened: Vec<&str> = copy.opened.iter().map(TreePath::as_str).collect();
        assert_eq!(opened, ["apps/db.yaml", &long]);
        let (_, file) = copy
            .snapshot
            .tree
            .file(&TreePath::parse("apps/db.yaml").unwrap())
            .unwrap();
        assert_eq!(file.source(), b"a: 2\n");
    }

    #[test]
    fn what_was_fetched_stays_apart() {
        let mut snapshot = snapshot();
        let mut base = FileTree::new();
        base.insert_file(TreePath::parse("cm.yaml").unwrap(), b"a: 1\n".to_vec(), false);
        let at = [
            TreePath::parse("https:/git.example/a@1").unwrap(),
            TreePath::parse("https:/git.example/b@2").unwrap(),
        ];
        snapshot.tree.mount(&at[0], base).unwrap();
        snapshot.tree.mount(&at[1], FileTree::new()).unwrap();
        let mut out = Vec::new();
        write(&mut out, &snapshot, None, |_| true).unwrap();
        let copy = read(&*out).unwrap().snapshot;
        assert_eq!(copy.tree.mounts().collect::<Vec<_>>(), [&at[0], &at[1]]);
        assert!(copy.tree.file_from(&at[0], "cm.yaml").is_ok());
        assert!(copy.tree.file_from(&at[0], "../../../run.sh").is_err());
        assert_eq!(copy.revision, snapshot.revision);
    }

    /// Runs a program of the machine over a tar stream.
    fn ask(program: &str, arguments: &[&str]) -> String {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&written(|_| true)).unwrap();
        let output = std::process::Command::new(program)
            .args(arguments)
            .stdin(std::fs::File::open(file.path()).unwrap())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn git_reads_the_commit_as_from_its_own_archive() {
        assert_eq!(ask("git", &["get-tar-commit-id"]).trim_end(), "9c5b".repeat(10));
    }

    #[test]
    fn tar_lists_the_files() {
        assert_eq!(
            ask("tar", &["-tf", "-"]),
            "apps/db.yaml\napps/link.yaml\nrun.sh\n"
        );
    }

    #[test]
    fn the_length_of_a_record_counts_itself() {
        for length in [1, 5, 80, 88, 89, 90, 91, 985] {
            let record = pax_record("comment", &"x".repeat(length));
            let (number, _) = record.split_once(' ').unwrap();
            assert_eq!(number.parse::<usize>().unwrap(), record.len());
        }
    }

    #[test]
    fn links_that_leave_the_tree_are_refused() {
        let mut tree = FileTree::new();
        tree.insert_link(TreePath::parse("a/link").unwrap(), "../../etc/passwd");
        let mut out = Vec::new();
        write(
            &mut out,
            &Snapshot {
                revision: Revision::UNKNOWN,
                tree,
            },
            None,
            |_| true,
        )
        .unwrap();
        insta::assert_snapshot!(read(&*out).unwrap_err(), @"a/link: symbolic link to ../../etc/passwd leaves the tree");
    }

    #[test]
    fn what_is_not_tar_is_named() {
        insta::assert_snapshot!(
            read(&b"apiVersion: v1\n".repeat(100)[..]).unwrap_err(),
            @"cannot read the tar stream; it comes from `afterbay fetch`, `afterbay decrypt` or `git archive`"
        );
    }
}
