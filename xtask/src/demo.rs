//! `cargo xtask demo`: a cluster, a KMS and a sample repository; applies it, changes a secret, applies again.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::e2e::{self, Environment, Plan};
use crate::flags::{Demo, E2e};
use crate::shell::{check, output, root};

/// Inventory and namespace of the sample.
const INVENTORY: [&str; 4] = ["--inventory", "shop", "--namespace", "default"];

/// Sets everything up, shows two runs, and takes everything away.
pub(crate) fn run(flags: &Demo) -> anyhow::Result<()> {
    let started = Instant::now();
    let flags = E2e {
        cluster: flags.cluster.into(),
        kms: "auto".to_owned(),
        keep: flags.keep,
        only: None,
        without_redaction: false,
        kubeconfig: None,
        context: None,
    };
    let plan = Plan::new(&flags, &[], &[e2e::GIT])?;
    println!("building afterbay");
    let binary = e2e::build_binary("dev")?;
    let built = started.elapsed();
    let environment = Environment::start(&plan, &flags)?;
    let folder = environment.folder.clone();
    let shown = Shop::new(&environment, binary).and_then(|shop| {
        let shown = shop.show();
        // Keys are not left behind, whatever happened; neither is the repository that only they open.
        if !flags.keep {
            shop.remove()?;
        }
        shown
    });
    let took = started.elapsed();
    if flags.keep {
        environment.wait_for_enter();
    }
    drop(environment);
    // After a failure the logs of cluster and KMS stay.
    shown?;
    fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    println!(
        "\nthe demo took {:.0} s, {:.0} s of them to build",
        took.as_secs_f64(),
        built.as_secs_f64()
    );
    Ok(())
}

/// The sample and the way to run the product on it.
struct Shop {
    binary: PathBuf,
    folder: PathBuf,
    kubeconfig: PathBuf,
    kms: String,
}

impl Shop {
    fn new(environment: &Environment, binary: PathBuf) -> anyhow::Result<Self> {
        let folder = environment.folder.join("demo");
        let shop = Self {
            binary,
            folder,
            kubeconfig: environment.kubeconfig.clone(),
            kms: environment.kms.clone(),
        };
        fs::create_dir_all(&shop.folder)?;
        shop.copy_keys()?;
        create_kms_key(&shop.kms)?;
        Ok(shop)
    }

    fn show(&self) -> anyhow::Result<()> {
        title("A repository with three Secrets, sealed with age, AWS KMS and hiera-eyaml");
        self.commit("v1", "open the shop")?;
        let sealed = fs::read_to_string(self.folder.join("fleet/apps/shop/database.secret.yaml"))?;
        for line in sealed.lines().take(8) {
            println!("    {line}");
        }
        println!("    …");

        title("afterbay opens them in memory and applies the revision");
        self.apply()?;

        title("The same revision again: nothing to do, and no write is sent");
        self.apply()?;

        title("A new commit: the database password is rotated, and a ConfigMap goes away");
        self.commit("v2", "rotate the password, take the banner down")?;
        self.apply()?;

        title("What is owned, and since which revision");
        self.afterbay(&["inventory", "shop", "--namespace", "default"])?;

        title("A tampered value is refused: nothing is written");
        self.tamper()?;
        let status = self.apply_command().status().context("cannot start afterbay")?;
        ensure!(
            status.code() == Some(12),
            "a tampered file was not refused as it should be: {status}"
        );
        Ok(())
    }

    fn remove(&self) -> anyhow::Result<()> {
        fs::remove_dir_all(&self.folder).with_context(|| format!("cannot remove {}", self.folder.display()))
    }

    fn copy_keys(&self) -> anyhow::Result<()> {
        for key in ["age.txt", "eyaml.pem"] {
            let copy = self.folder.join(key);
            fs::copy(fixtures().join("keys").join(key), &copy)?;
            fs::set_permissions(&copy, fs::Permissions::from_mode(0o600))?;
        }
        Ok(())
    }

    /// Makes the work tree what a version of the sample is, and commits it.
    fn commit(&self, version: &str, message: &str) -> anyhow::Result<()> {
        let repository = self.folder.join("fleet");
        let apps = repository.join("apps/shop");
        if apps.exists() {
            fs::remove_dir_all(&apps)?;
        } else {
            fs::create_dir_all(&repository)?;
            self.git(&["init", "--quiet", "--initial-branch", "main"])?;
        }
        fs::create_dir_all(&apps)?;
        for entry in fs::read_dir(fixtures().join(version).join("apps/shop"))? {
            let path = entry?.path();
            fs::copy(&path, apps.join(path.file_name().unwrap_or_default()))?;
        }
        self.git(&["add", "--all"])?;
        self.git(&["commit", "--quiet", "--message", message])?;
        println!("    $ git log --oneline");
        for line in self.git(&["log", "--oneline"])?.lines() {
            println!("    {line}");
        }
        Ok(())
    }

    /// Swaps two characters of a ciphertext and commits.
    fn tamper(&self) -> anyhow::Result<()> {
        let file = self.folder.join("fleet/apps/shop/database.secret.yaml");
        let text = fs::read_to_string(&file)?;
        let at = text
            .find("password: ENC[AES256_GCM,data:")
            .context("the sample has no password")?
            + 31;
        let mut bytes = text.into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        fs::write(&file, bytes)?;
        self.git(&[
            "commit",
            "--quiet",
            "--all",
            "--message",
            "edit the password by hand",
        ])?;
        Ok(())
    }

    /// The user's configuration could sign commits or start hooks.
    fn git(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new("git");
        command
            .args(arguments)
            .current_dir(self.folder.join("fleet"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.folder)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null");
        for role in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{role}_NAME"), "demo")
                .env(format!("GIT_{role}_EMAIL"), "demo@example.com");
        }
        output(&mut command)
    }

    fn apply(&self) -> anyhow::Result<()> {
        check(&mut self.apply_command())
    }

    fn apply_command(&self) -> Command {
        let url = self.folder.join("fleet").display().to_string();
        let mut arguments = vec![
            "apply",
            "--url",
            &url,
            "--ref",
            "main",
            "--path",
            "apps/shop",
            "--prune",
        ];
        arguments.extend(INVENTORY);
        self.command(&arguments)
    }

    fn afterbay(&self, arguments: &[&str]) -> anyhow::Result<()> {
        check(&mut self.command(arguments))
    }

    /// The product with the sample's keys and cluster; the user's own are out of reach.
    fn command(&self, arguments: &[&str]) -> Command {
        println!("    $ afterbay {}", arguments.join(" "));
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .env_clear()
            .env("HOME", &self.folder)
            .env("KUBECONFIG", &self.kubeconfig)
            .env("SOPS_AGE_KEY_FILE", self.folder.join("age.txt"))
            .env(
                "EYAML_PRIVATE_KEY",
                fs::read_to_string(self.folder.join("eyaml.pem")).unwrap_or_default(),
            )
            .env("AWS_ENDPOINT_URL", &self.kms)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("XDG_CACHE_HOME", self.folder.join("cache"));
        // How the output looks is the terminal's business.
        for name in ["TERM", "NO_COLOR"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command
    }
}

/// Creates the key that sealed the sample, with its id and its material (LocalStack's own tags).
pub(crate) fn create_kms_key(kms: &str) -> anyhow::Result<()> {
    let text = fs::read_to_string(fixtures().join("kms.json"))?;
    let key: serde_json::Value = serde_json::from_str(&text)?;
    let tag =
        |name: &str, value: &serde_json::Value| serde_json::json!({ "TagKey": name, "TagValue": value });
    let tags = [
        tag("_custom_id_", &key["KeyId"]),
        tag("_custom_key_material_", &key["Material"]),
    ];
    let body = serde_json::json!({ "Tags": tags }).to_string();
    let address = kms.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).with_context(|| format!("no KMS at {kms}"))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    write!(
        stream,
        "POST / HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/x-amz-json-1.1\r\n\
         X-Amz-Target: TrentService.CreateKey\r\nContent-Length: {}\r\nAuthorization: AWS4-HMAC-SHA256 \
         Credential=test/20250101/eu-west-1/kms/aws4_request, SignedHeaders=host, Signature=0\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(
        answer.lines().next().is_some_and(|line| line.contains(" 200")),
        "CreateKey answered {answer}"
    );
    Ok(())
}

fn fixtures() -> PathBuf {
    Path::new(&root()).join("fixtures/demo")
}

fn title(text: &str) {
    println!("\n── {text}\n");
}
