//! Which revision to fetch, and how.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use afterbay_manifest::{SecretBytes, Warning};
use afterbay_source::{
    AllowedRemote, CacheDir, Credentials, FetchEvent, HttpOptions, Limits, OnFetchEvent, PlainHttp, Proxies,
    ProxyUrl, Redirects, Reference, RemoteUrl, SourceOptions,
};
use anyhow::Context as _;
use clap::Args;
use zeroize::Zeroizing;

/// The variables that stand in for flags. They are read here and not by clap, which would take a variable for a flag
/// where flags exclude each other.
const USERNAME_VARIABLE: &str = "AFTERBAY_GIT_USERNAME";
const CACHE_VARIABLE: &str = "AFTERBAY_CACHE_DIR";

/// The variable that holds the password when no file is named.
const PASSWORD_VARIABLE: &str = "AFTERBAY_GIT_PASSWORD";

/// Flags of the source stage.
#[derive(Debug, Args)]
#[command(next_help_heading = "Source")]
pub(crate) struct SourceArguments {
    /// Repository: a path, `file://`, `http://` or `https://`
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,

    /// Branch, tag, full ref or full commit id [default: the remote's HEAD]
    #[arg(
        long = "ref",
        value_name = "REF",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) reference: String,

    /// User name for HTTP basic authentication; without it, the variable `AFTERBAY_GIT_USERNAME` is read
    #[arg(long, value_name = "NAME")]
    git_username: Option<String>,

    /// File with the password or token; without it, the variable `AFTERBAY_GIT_PASSWORD` is read
    #[arg(long, value_name = "FILE")]
    git_password_file: Option<PathBuf>,

    /// PEM certificates to trust instead of the system's
    #[arg(long, value_name = "FILE")]
    git_ca_file: Option<PathBuf>,

    /// Send the password over plain HTTP to hosts other than this one
    #[arg(long)]
    git_allow_plain_http: bool,

    /// Fetch what the build needs from there as well: a host, or with a path what lies below it (repeatable). An entry has to be
    /// pinned by `?ref=` and a full commit id, or for a file by `?checksum=sha256:` and its digest
    #[arg(long, value_name = "HOST[/PREFIX]")]
    allow_remote: Vec<String>,

    /// Where fetched objects are kept (as in the repository: sealed) [default: `AFTERBAY_CACHE_DIR`, then the user's cache directory]
    #[arg(long, value_name = "DIR")]
    cache_dir: Option<PathBuf>,

    /// Keep no objects between runs
    #[arg(long, conflicts_with = "cache_dir")]
    no_cache: bool,

    /// Largest file accepted, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().file_bytes)]
    max_file_size: u64,

    /// Most files and directories accepted
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().entries)]
    max_files: usize,

    /// Largest tree accepted, all files together, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().tree_bytes)]
    max_tree_size: u64,

    /// Most that a server may send in one fetch, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().received_bytes)]
    max_received_size: u64,

    /// Most that what it sends may inflate to, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().inflated_bytes)]
    max_inflated_size: u64,
}

impl SourceArguments {
    /// Whether anything but the revision may be fetched.
    pub(crate) fn allows_remotes(&self) -> bool {
        !self.allow_remote.is_empty()
    }

    /// What the source stage makes of the flags; `url` is taken as given.
    pub(crate) fn options(&self, url: &str, on_event: OnFetchEvent) -> anyhow::Result<SourceOptions> {
        let mut options = SourceOptions::new(RemoteUrl::parse(url)?);
        options.reference = Reference::parse(&self.reference)?;
        options.credentials = self.credentials(&on_event)?;
        options.cache = self.cache();
        options.limits.file_bytes = self.max_file_size;
        options.limits.entries = self.max_files;
        options.limits.tree_bytes = self.max_tree_size;
        options.limits.received_bytes = self.max_received_size;
        options.limits.inflated_bytes = self.max_inflated_size;
        options.http = self.http()?;
        let allowed = self.allow_remote.iter().map(|text| AllowedRemote::parse(text));
        options.allowed_remotes = allowed.collect::<Result<_, _>>()?;
        options.on_event = Some(on_event);
        Ok(options)
    }

    fn credentials(&self, on_event: &OnFetchEvent) -> anyhow::Result<Option<Arc<Credentials>>> {
        let username = self
            .git_username
            .clone()
            .or_else(|| std::env::var(USERNAME_VARIABLE).ok());
        let password = match &self.git_password_file {
            Some(path) => {
                if let Some(warning) = readable_by_others(path) {
                    on_event(FetchEvent::Warning(warning));
                }
                Some(Zeroizing::new(std::fs::read(path).with_context(|| {
                    format!("cannot read the password file {}", path.display())
                })?))
            }
            None => std::env::var_os(PASSWORD_VARIABLE).map(|text| Zeroizing::new(text.into_encoded_bytes())),
        };
        let Some(password) = password else {
            anyhow::ensure!(
                username.is_none(),
                "--git-username is given without a password; use --git-password-file or {PASSWORD_VARIABLE}"
            );
            return Ok(None);
        };
        let password = SecretBytes::new(without_line_end(&password).to_vec());
        // Servers that take tokens accept any user name; this is the one GitHub documents.
        let username = username.unwrap_or_else(|| "x-access-token".to_owned());
        Ok(Some(Arc::new(Credentials { username, password })))
    }

    fn cache(&self) -> CacheDir {
        let user = || user_cache(std::env::var_os("XDG_CACHE_HOME"), std::env::var_os("HOME"));
        let set = || {
            std::env::var_os(CACHE_VARIABLE)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        match self.cache_dir.clone().or_else(set).or_else(user) {
            Some(directory) if !self.no_cache => CacheDir::Path(directory),
            _ => CacheDir::Disabled,
        }
    }

    fn http(&self) -> anyhow::Result<HttpOptions> {
        let ca_bundle = match &self.git_ca_file {
            Some(path) => Some(
                std::fs::read(path).with_context(|| format!("cannot read the CA file {}", path.display()))?,
            ),
            None => None,
        };
        let variable = |names: [&str; 2]| names.into_iter().find_map(|name| std::env::var(name).ok());
        let proxies = Proxies {
            http: variable(["http_proxy", "HTTP_PROXY"]).map(ProxyUrl::new),
            https: variable(["https_proxy", "HTTPS_PROXY"]).map(ProxyUrl::new),
            exempt: variable(["no_proxy", "NO_PROXY"]),
        };
        let plain_http = if self.git_allow_plain_http {
            PlainHttp::AnyHost
        } else {
            PlainHttp::LoopbackOnly
        };
        Ok(HttpOptions {
            ca_bundle,
            proxies,
            plain_http,
            redirects: Redirects::default(),
        })
    }
}

/// Editors end a file with a line end, which is none of the password; blanks may be.
fn without_line_end(text: &[u8]) -> &[u8] {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.strip_suffix(b"\r").unwrap_or(text)
}

/// Our directory in the user's cache: below `XDG_CACHE_HOME`, which counts only when it is absolute, else below
/// `~/.cache` (XDG Base Directory Specification).
fn user_cache(cache: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    let set = |value: Option<OsString>| value.filter(|value| !value.is_empty()).map(PathBuf::from);
    set(cache)
        .filter(|path| path.is_absolute())
        .or_else(|| set(home).map(|home| home.join(".cache")))
        .map(|directory| directory.join("afterbay"))
}

/// Says so when others than its owner can read a file with a password. A pipe or a device has no lasting content.
fn readable_by_others(path: &Path) -> Option<Warning> {
    let metadata = std::fs::metadata(path).ok()?;
    let mode = metadata.permissions().mode() & 0o7777;
    let message = format!(
        "password file {} can be read by others than its owner (mode {mode:04o}); run `chmod 600` on it",
        path.display()
    );
    (metadata.is_file() && mode & 0o044 != 0).then_some(Warning { place: None, message })
}

#[cfg(test)]
mod tests {
    //! Passwords and places.

    use clap::{Args as _, Command};

    use super::*;

    #[test]
    fn one_line_end_is_none_of_the_password() {
        for (text, password) in [
            ("secret", "secret"),
            ("secret\n", "secret"),
            ("secret\r\n", "secret"),
            ("secret  \n", "secret  "),
            ("secret\t", "secret\t"),
            ("secret\n\n", "secret\n"),
            ("\n", ""),
            ("", ""),
        ] {
            assert_eq!(without_line_end(text.as_bytes()), password.as_bytes(), "{text:?}");
        }
    }

    /// clap would print its value in the help, and some servers take a token for the name.
    #[test]
    fn the_user_name_may_be_a_token() {
        let command = SourceArguments::augment_args(Command::new("afterbay"));
        let name = command
            .get_arguments()
            .find(|argument| argument.get_id() == "git_username");
        assert!(name.unwrap().get_env().is_none());
    }

    #[test]
    fn objects_are_kept_in_the_cache_of_the_user() {
        let place = |cache: Option<&str>, home: Option<&str>| {
            let place = user_cache(cache.map(Into::into), home.map(Into::into));
            place.map(|path| path.display().to_string())
        };
        let at = |path: &str| Some(path.to_owned());
        assert_eq!(
            place(Some("/var/tmp/me"), Some("/srv/me")),
            at("/var/tmp/me/afterbay")
        );
        for unusable in [None, Some(""), Some("tmp/me"), Some("./cache")] {
            assert_eq!(
                place(unusable, Some("/srv/me")),
                at("/srv/me/.cache/afterbay"),
                "{unusable:?}"
            );
            assert_eq!(place(unusable, None), None);
            assert_eq!(place(unusable, Some("")), None);
        }
    }

    #[test]
    fn a_password_file_that_others_can_read_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (mode, is_named) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true)] {
            std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
            let warning = readable_by_others(file.path());
            assert_eq!(warning.is_some(), is_named, "{mode:o}");
        }
        let warning = readable_by_others(file.path()).unwrap().to_string();
        assert!(
            warning.ends_with("(mode 0604); run `chmod 600` on it"),
            "{warning}"
        );
        assert!(readable_by_others(Path::new("/dev/null")).is_none());
    }
}
