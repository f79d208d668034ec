//! Which revision to fetch, and how.

use std::path::PathBuf;
use std::sync::Arc;

use afterbay_manifest::SecretBytes;
use afterbay_source::{
    CacheDir, Credentials, HttpOptions, Limits, OnFetchEvent, PlainHttp, Proxies, ProxyUrl, Reference,
    RemoteUrl, SourceOptions,
};
use anyhow::Context as _;
use clap::Args;
use zeroize::Zeroizing;

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
    reference: String,

    /// User name for HTTP basic authentication
    #[arg(long, value_name = "NAME", env = "AFTERBAY_GIT_USERNAME")]
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

    /// Where fetched objects are kept (as in the repository: sealed) [default: the user's cache directory]
    #[arg(long, value_name = "DIR", env = "AFTERBAY_CACHE_DIR")]
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
}

impl SourceArguments {
    /// What the source stage makes of the flags; `url` is taken as given.
    pub(crate) fn options(&self, url: &str, on_event: OnFetchEvent) -> anyhow::Result<SourceOptions> {
        let mut options = SourceOptions::new(RemoteUrl::parse(url)?);
        options.reference = Reference::parse(&self.reference)?;
        options.credentials = self.credentials()?;
        options.cache = self.cache();
        options.limits.file_bytes = self.max_file_size;
        options.limits.entries = self.max_files;
        options.limits.tree_bytes = self.max_tree_size;
        options.http = self.http()?;
        options.on_event = Some(on_event);
        Ok(options)
    }

    fn credentials(&self) -> anyhow::Result<Option<Arc<Credentials>>> {
        let password = match &self.git_password_file {
            Some(path) => {
                Some(Zeroizing::new(std::fs::read(path).with_context(|| {
                    format!("cannot read the password file {}", path.display())
                })?))
            }
            None => std::env::var_os(PASSWORD_VARIABLE).map(|text| Zeroizing::new(text.into_encoded_bytes())),
        };
        let Some(password) = password else {
            anyhow::ensure!(
                self.git_username.is_none(),
                "--git-username is given without a password; use --git-password-file or {PASSWORD_VARIABLE}"
            );
            return Ok(None);
        };
        // Editors end a file with a line end, and no password does.
        let password = SecretBytes::new(password.trim_ascii_end().to_vec());
        // Servers that take tokens accept any user name; this is the one GitHub documents.
        let username = self
            .git_username
            .clone()
            .unwrap_or_else(|| "x-access-token".to_owned());
        Ok(Some(Arc::new(Credentials { username, password })))
    }

    fn cache(&self) -> CacheDir {
        let set = |name: &str| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let user = || {
            set("XDG_CACHE_HOME")
                .filter(|path| path.is_absolute())
                .or_else(|| set("HOME").map(|home| home.join(".cache")))
                .map(|directory| directory.join("afterbay"))
        };
        match self.cache_dir.clone().or_else(user) {
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
        })
    }
}
