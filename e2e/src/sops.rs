//! Files encrypted by the real `sops`, for keys made by the real `age-keygen`.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::{Environment, Variables, program};

/// An age identity in a file.
#[derive(Debug, Clone)]
pub struct AgeKey {
    /// The file.
    pub file: PathBuf,
    /// The public recipient.
    pub recipient: String,
}

impl AgeKey {
    /// A new identity in `file`, which only its owner can read.
    pub fn generate(environment: &Environment, file: &Path) -> anyhow::Result<Self> {
        Self::generate_with(environment, file, &[])
    }

    /// The same of the post-quantum kind.
    pub fn generate_post_quantum(environment: &Environment, file: &Path) -> anyhow::Result<Self> {
        Self::generate_with(environment, file, &["-pq"])
    }

    fn generate_with(environment: &Environment, file: &Path, arguments: &[&str]) -> anyhow::Result<Self> {
        let _ = std::fs::remove_file(file);
        let mut command = Command::new(environment.tool("age-keygen"));
        program::run(command.args(arguments).arg("-o").arg(file))?.success()?;
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600))?;
        let text = std::fs::read_to_string(file)?;
        let recipient = text
            .lines()
            .find_map(|line| line.strip_prefix("# public key: "))
            .context("no public key")?;
        Ok(Self {
            file: file.to_path_buf(),
            recipient: recipient.to_owned(),
        })
    }

    /// The file as text, for arguments.
    pub fn path(&self) -> String {
        self.file.display().to_string()
    }
}

/// The real `sops`.
#[derive(Debug, Clone)]
pub struct Sops {
    program: PathBuf,
    home: PathBuf,
    kms: Option<String>,
    variables: BTreeMap<String, String>,
}

impl Sops {
    /// The tool with a home of its own.
    pub fn new(environment: &Environment, folder: &Path) -> Self {
        Self {
            program: environment.tool("sops"),
            home: folder.join("sops-home"),
            kms: environment.kms.clone(),
            variables: BTreeMap::new(),
        }
    }

    /// The same tool with KMS at another URL.
    #[must_use]
    pub fn with_kms(mut self, endpoint: &str) -> Self {
        self.kms = Some(endpoint.to_owned());
        self
    }

    /// With one more environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// With more environment variables.
    #[must_use]
    pub fn envs(mut self, variables: Variables) -> Self {
        self.variables.extend(variables);
        self
    }

    /// Encrypts a manifest as users do: `data` and `stringData` only.
    pub fn encrypt(&self, manifest: &str, key: &AgeKey) -> anyhow::Result<String> {
        self.encrypt_with(
            manifest,
            &[
                "--encrypted-regex",
                "^(data|stringData)$",
                "--age",
                &key.recipient,
            ],
        )
    }

    /// The same for a key of KMS: an ARN, perhaps with `+ROLE`.
    pub fn encrypt_for_kms(&self, manifest: &str, arn: &str) -> anyhow::Result<String> {
        self.encrypt_with(
            manifest,
            &["--encrypted-regex", "^(data|stringData)$", "--kms", arn],
        )
    }

    /// Encrypts YAML with arguments of the caller's.
    pub fn encrypt_with(&self, text: &str, arguments: &[&str]) -> anyhow::Result<String> {
        self.encrypt_as("yaml", text, arguments)
    }

    /// Encrypts a text of a format, as `--input-type` names it.
    pub fn encrypt_as(&self, format: &str, text: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = self.command();
        command.arg("encrypt").args(arguments);
        command.args([
            "--input-type",
            format,
            "--output-type",
            format,
            "--filename-override",
            &format!("secret.{format}"),
            "/dev/stdin",
        ]);
        program::run_with_input(&mut command, text.as_bytes())?
            .success()
            .context("sops encrypt")
    }

    /// What the real tool makes of a text of a format.
    pub fn decrypt(&self, format: &str, text: &str, key: &AgeKey) -> anyhow::Result<String> {
        let mut command = self.command();
        command.env("SOPS_AGE_KEY_FILE", &key.file).args([
            "decrypt",
            "--input-type",
            format,
            "--output-type",
            format,
            "/dev/stdin",
        ]);
        program::run_with_input(&mut command, text.as_bytes())?
            .success()
            .context("sops decrypt")
    }

    /// A command ready to run; for what the other functions do not offer.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .env_clear()
            .env("HOME", &self.home)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test");
        if let Some(endpoint) = &self.kms {
            command.env("AWS_ENDPOINT_URL", endpoint);
        }
        command.envs(&self.variables);
        command
    }
}
