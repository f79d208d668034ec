//! hiera-eyaml tokens made by `openssl`.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::ensure;
use base64::Engine as _;

use crate::program;

/// An RSA key pair of hiera-eyaml.
#[derive(Debug, Clone)]
pub struct EyamlKey {
    /// The private key in PEM.
    pub private_key: PathBuf,
    certificate: PathBuf,
}

impl EyamlKey {
    /// A new pair in a folder.
    pub fn generate(folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let (private_key, certificate) = (
            folder.join("private_key.pkcs7.pem"),
            folder.join("public_key.pkcs7.pem"),
        );
        let mut command = Command::new("openssl");
        command.args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/", "-days", "36500", "-keyout",
        ]);
        program::run(command.arg(&private_key).arg("-out").arg(&certificate))?.success()?;
        std::fs::set_permissions(&private_key, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self {
            private_key,
            certificate,
        })
    }

    /// A token of a value.
    pub fn token(&self, value: &str) -> anyhow::Result<String> {
        let output = tempfile::NamedTempFile::new()?;
        let mut command = Command::new("openssl");
        command
            .args([
                "smime", "-encrypt", "-aes256", "-binary", "-outform", "DER", "-out",
            ])
            .arg(output.path());
        program::run_with_input(command.arg(&self.certificate), value.as_bytes())?.success()?;
        let envelope = std::fs::read(output.path())?;
        ensure!(!envelope.is_empty(), "openssl wrote nothing");
        Ok(format!(
            "ENC[PKCS7,{}]",
            base64::engine::general_purpose::STANDARD.encode(envelope)
        ))
    }
}
