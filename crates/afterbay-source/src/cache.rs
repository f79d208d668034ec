//! The objects of one remote, kept between fetches.
//!
//! ```text
//! <cache>/git/<sha-256 of the URL without credentials>/
//!     lock       held (flock) while a fetch uses the directory
//!     state      which commits are complete, and where their history is cut
//!     objects/   an object store of Git's own layout
//! ```
//!
//! Everything in it came from the server, so sealed files are sealed. It is private to the user, may be
//! removed at any time, and is made anew when it is broken or holds too many packs: every fetch adds one.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gix::ObjectId;

use crate::digest::sha256;
use crate::error::SourceError;
use crate::options::CacheDir;
use crate::session::Session;

/// The first line of the state file; another one means another layout.
const STATE_HEADER: &str = "afterbay git cache 1";

/// How many packs a cache holds before it is made anew.
const MOST_PACKS: usize = 50;

/// How many complete commits are remembered and offered to the server.
const MOST_TIPS: usize = 32;

/// How often a lock that is taken is tried again.
const LOCK_POLL: Duration = Duration::from_millis(50);

/// An object store that is ours until it is dropped.
pub(crate) struct Cache {
    directory: PathBuf,
    tips: Vec<ObjectId>,
    shallow: Vec<ObjectId>,
    _lock: File,
    _scratch: Option<tempfile::TempDir>,
}

impl Cache {
    /// Opens the cache of a remote, waiting for another fetch that uses it.
    pub(crate) fn open(cache: &CacheDir, wait: Duration, session: &Session) -> Result<Self, SourceError> {
        let (directory, scratch) = match cache {
            CacheDir::Path(base) => (base.join("git").join(name_of(&session.remote)), None),
            CacheDir::Disabled => {
                let private = Permissions::from_mode(0o700);
                let scratch = tempfile::Builder::new()
                    .prefix("afterbay-git-")
                    .permissions(private)
                    .tempdir();
                let scratch = scratch.map_err(|source| failed(&std::env::temp_dir(), source))?;
                (scratch.path().to_owned(), Some(scratch))
            }
        };
        make_private(&directory).map_err(|source| failed(&directory, source))?;
        let lock = lock(&directory, wait, session)?;
        let mut cache = Self {
            directory,
            tips: Vec::new(),
            shallow: Vec::new(),
            _lock: lock,
            _scratch: scratch,
        };
        cache.load()?;
        Ok(cache)
    }

    /// Where its objects are.
    pub(crate) fn objects(&self) -> PathBuf {
        self.directory.join("objects")
    }

    /// The commits and tags of which everything is here, the latest first.
    pub(crate) fn tips(&self) -> &[ObjectId] {
        &self.tips
    }

    /// The commits whose parents are not here.
    pub(crate) fn shallow(&self) -> &[ObjectId] {
        &self.shallow
    }

    /// Remembers what a fetch brought.
    pub(crate) fn record(&mut self, tips: &[ObjectId], shallow: Vec<ObjectId>) -> Result<(), SourceError> {
        self.tips.retain(|tip| !tips.contains(tip));
        self.tips.splice(0..0, tips.iter().copied());
        self.tips.truncate(MOST_TIPS);
        self.shallow = shallow;
        self.save().map_err(|source| failed(&self.directory, source))
    }

    /// Removes some of its files.
    pub(crate) fn discard<'a>(
        &self,
        mut files: impl Iterator<Item = &'a PathBuf>,
    ) -> Result<(), SourceError> {
        files
            .try_for_each(|file| remove(file))
            .map_err(|source| failed(&self.directory, source))
    }

    /// Removes everything in it.
    pub(crate) fn clear(&mut self) -> Result<(), SourceError> {
        self.tips.clear();
        self.shallow.clear();
        self.try_clear().map_err(|source| failed(&self.directory, source))
    }

    fn try_clear(&self) -> io::Result<()> {
        remove(&self.directory.join("state"))?;
        match fs::remove_dir_all(self.objects()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        make_private(&self.objects().join("pack"))
    }

    fn load(&mut self) -> Result<(), SourceError> {
        let failed = |source| failed(&self.directory, source);
        let packs = self.objects().join("pack");
        make_private(&packs).map_err(failed)?;
        let count = clean(&packs).map_err(failed)?;
        let state = fs::read_to_string(self.directory.join("state")).unwrap_or_default();
        match parse_state(&state) {
            Some((tips, shallow)) if count <= MOST_PACKS => {
                self.tips = tips;
                self.shallow = shallow;
                Ok(())
            }
            _ => self.clear(),
        }
    }

    /// Replaces the state file in one step, so that a killed process leaves the old or the new one.
    #[expect(
        clippy::disallowed_methods,
        reason = "ids of commits in the cache of sealed objects"
    )]
    fn save(&self) -> io::Result<()> {
        let mut text = format!("{STATE_HEADER}\n");
        text.extend(self.tips.iter().map(|id| format!("tip {id}\n")));
        text.extend(self.shallow.iter().map(|id| format!("shallow {id}\n")));
        let new = self.directory.join("state.new");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(new, self.directory.join("state"))
    }
}

/// The directory name for a remote.
fn name_of(remote: &str) -> String {
    sha256(remote.as_bytes())
}

/// Makes a directory that only its owner may look into.
fn make_private(directory: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    // An existing directory may have been made with wider permissions; another user's cannot be changed.
    fs::set_permissions(directory, Permissions::from_mode(0o700))
}

#[expect(clippy::disallowed_methods, reason = "a lock file, which is empty")]
fn lock(directory: &Path, wait: Duration, session: &Session) -> Result<File, SourceError> {
    let path = directory.join("lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path);
    let file = file.map_err(|source| failed(&path, source))?;
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(source)) => return Err(failed(&path, source)),
            Err(TryLockError::WouldBlock) if start.elapsed() >= wait => {
                return Err(SourceError::CacheBusy {
                    path: directory.to_owned(),
                });
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_POLL),
        }
        session.check()?;
    }
}

/// Removes what a killed process left, and counts the packs. Nobody else is here: the lock is held.
fn clean(packs: &Path) -> io::Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir(packs)? {
        let path = entry?.path();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("idx") if path.with_extension("pack").exists() => count += 1,
            Some("pack") if path.with_extension("idx").exists() => {}
            _ => remove(&path)?,
        }
    }
    Ok(count)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Tips and shallow commits; `None` when the file is not one of ours.
fn parse_state(text: &str) -> Option<(Vec<ObjectId>, Vec<ObjectId>)> {
    let mut lines = text.lines();
    if lines.next() != Some(STATE_HEADER) {
        return None;
    }
    let (mut tips, mut shallow) = (Vec::new(), Vec::new());
    for line in lines {
        let (kind, id) = line.split_once(' ')?;
        let id = ObjectId::from_hex(id.as_bytes()).ok()?;
        match kind {
            "tip" => tips.push(id),
            "shallow" => shallow.push(id),
            _ => return None,
        }
    }
    Some((tips, shallow))
}

fn failed(path: &Path, source: io::Error) -> SourceError {
    SourceError::Cache {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    //! The state file is read strictly.

    use super::{STATE_HEADER, name_of, parse_state};

    #[test]
    fn reads_only_what_it_wrote() {
        let id = "0123456789012345678901234567890123456789";
        let (tips, shallow) = parse_state(&format!("{STATE_HEADER}\ntip {id}\nshallow {id}\n")).unwrap();
        assert_eq!((tips.len(), shallow.len()), (1, 1));
        assert_eq!(
            parse_state(&format!("{STATE_HEADER}\n")),
            Some((Vec::new(), Vec::new()))
        );
        for bad in [
            "",
            "tip",
            "tip 01",
            "other 0123456789012345678901234567890123456789",
        ] {
            assert_eq!(parse_state(&format!("{STATE_HEADER}\n{bad}\n")), None, "{bad:?}");
        }
        assert_eq!(parse_state(""), None);
        assert_eq!(parse_state("afterbay git cache 2\n"), None);
    }

    #[test]
    fn a_remote_has_its_own_name() {
        // printf '%s' https://example.com/a.git | sha256sum
        assert_eq!(
            name_of("https://example.com/a.git"),
            "eaead1850c5866e96e76ad58dabf833723c495451d30bf2e92084dbdd1de3f9a"
        );
        assert_ne!(
            name_of("https://example.com/a.git"),
            name_of("https://example.com/b.git")
        );
    }
}
