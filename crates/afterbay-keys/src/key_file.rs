//! Reading a key file once, into memory that is wiped.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

use crate::note::KeyNote;

/// Largest key file read, in bytes. A file of a thousand identities has a fifth of it.
const LIMIT: usize = 1 << 20;

/// The content of a key file and what is wrong with its permissions.
pub(crate) struct KeyFile {
    pub(crate) content: Zeroizing<Vec<u8>>,
    pub(crate) note: Option<KeyNote>,
}

/// Reads a regular file, or a descriptor such as `/dev/fd/3`, to its end.
pub(crate) fn read(path: &Path) -> Result<KeyFile, String> {
    let file = File::open(path).map_err(|error| reason(&error))?;
    let metadata = file.metadata().map_err(|error| reason(&error))?;
    if metadata.is_dir() {
        return Err("is a directory".to_owned());
    }
    // Room for everything at once: a buffer that grows leaves copies behind that nobody wipes.
    let mut content = Zeroizing::new(Vec::with_capacity(LIMIT + 1));
    file.take(LIMIT as u64 + 1)
        .read_to_end(&mut content)
        .map_err(|error| reason(&error))?;
    if content.len() > LIMIT {
        return Err(format!("has more than {LIMIT} bytes, which is no key file"));
    }
    Ok(KeyFile {
        content,
        note: readable_by_others(path, &metadata),
    })
}

/// The system's reason without its number, in our letter case.
pub(crate) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        kind => kind.to_string(),
    }
}

#[cfg(unix)]
fn readable_by_others(path: &Path, metadata: &Metadata) -> Option<KeyNote> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o7777;
    (metadata.is_file() && mode & 0o044 != 0).then(|| KeyNote::ReadableByOthers {
        path: path.to_owned(),
        mode,
    })
}

#[cfg(not(unix))]
fn readable_by_others(_: &Path, _: &Metadata) -> Option<KeyNote> {
    None
}
