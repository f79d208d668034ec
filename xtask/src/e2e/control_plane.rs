//! The lane `control-plane`: etcd, kube-apiserver and kube-controller-manager as processes on loopback.
//!
//! There is no kubelet: a scenario that needs a ready Pod writes its status, as a kubelet would.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;

use super::process::{Server, free_port};
use crate::shell::check;
use crate::tools;

/// How long each server may take to be ready.
const PATIENCE: Duration = Duration::from_secs(90);

/// A running control plane; gone when dropped.
pub(crate) struct ControlPlane {
    /// The administrator's kubeconfig.
    pub(crate) kubeconfig: PathBuf,
    // Dropped in this order, so that nothing complains about the one it needs.
    _controller_manager: Server,
    _api_server: Server,
    _etcd: Server,
}

impl ControlPlane {
    /// Starts the three and waits until the default service account is there.
    pub(crate) fn start(folder: &Path) -> anyhow::Result<Self> {
        let folder = folder.join("control-plane");
        fs::create_dir_all(&folder)?;
        let setup = Setup {
            folder: &folder,
            etcd: free_port()?,
            peer: free_port()?,
            api: free_port()?,
        };
        setup.write_credentials()?;
        let mut etcd = setup.start_etcd()?;
        let (address, client) = (format!("127.0.0.1:{}", setup.etcd), setup.etcd);
        etcd.wait_until(PATIENCE, || {
            super::http_get(client, "/health").is_some_and(|body| body.contains("true"))
        })
        .with_context(|| format!("etcd at {address}"))?;
        let mut api_server = setup.start_api_server()?;
        api_server.wait_until(PATIENCE, || setup.kubectl(&["get", "--raw", "/readyz"]))?;
        let mut controller_manager = setup.start_controller_manager()?;
        controller_manager.wait_until(PATIENCE, || {
            setup.kubectl(&["get", "serviceaccount", "default", "--namespace", "default"])
        })?;
        Ok(Self {
            kubeconfig: setup.kubeconfig("admin"),
            _controller_manager: controller_manager,
            _api_server: api_server,
            _etcd: etcd,
        })
    }
}

struct Setup<'a> {
    folder: &'a Path,
    etcd: u16,
    peer: u16,
    api: u16,
}

impl Setup<'_> {
    fn kubeconfig(&self, user: &str) -> PathBuf {
        self.folder.join(format!("{user}.kubeconfig"))
    }

    fn write_credentials(&self) -> anyhow::Result<()> {
        let key = self.folder.join("service-account.key");
        let mut openssl = Command::new("openssl");
        openssl
            .args([
                "genpkey",
                "-algorithm",
                "RSA",
                "-pkeyopt",
                "rsa_keygen_bits:2048",
                "-out",
            ])
            .arg(&key);
        // It draws its progress on standard error.
        check(openssl.stderr(Stdio::null()))?;
        let (admin, manager) = (random_token()?, random_token()?);
        let tokens = format!(
            "{admin},admin,admin,\"system:masters\"\n{manager},system:kube-controller-manager,manager,\"system:masters\"\n"
        );
        fs::write(self.folder.join("tokens.csv"), tokens)?;
        for (user, token) in [("admin", &admin), ("controller-manager", &manager)] {
            fs::write(self.kubeconfig(user), self.kubeconfig_text(token))?;
        }
        Ok(())
    }

    /// The API server makes its own certificate, which the file names before it exists.
    fn kubeconfig_text(&self, token: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: e2e\n\
             contexts:\n- name: e2e\n  context: {{cluster: e2e, user: e2e, namespace: default}}\n\
             clusters:\n- name: e2e\n  cluster:\n    server: https://127.0.0.1:{}\n    certificate-authority: {}\n\
             users:\n- name: e2e\n  user: {{token: {token}}}\n",
            self.api,
            self.folder.join("certificates/apiserver.crt").display(),
        )
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(tools::folder().join(name));
        command.current_dir(self.folder);
        command
    }

    fn kubectl(&self, arguments: &[&str]) -> bool {
        let mut command = self.program("kubectl");
        command
            .arg("--kubeconfig")
            .arg(self.kubeconfig("admin"))
            .args(arguments)
            .arg("--cache-dir")
            .arg(self.folder.join("kubectl-cache"));
        command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    fn start_etcd(&self) -> anyhow::Result<Server> {
        let (client, peer) = (
            format!("http://127.0.0.1:{}", self.etcd),
            format!("http://127.0.0.1:{}", self.peer),
        );
        let mut command = self.program("etcd");
        command
            .args(["--data-dir", "etcd", "--unsafe-no-fsync", "--log-level", "warn"])
            .args([
                "--listen-client-urls",
                &client,
                "--advertise-client-urls",
                &client,
            ])
            .args([
                "--listen-peer-urls",
                &peer,
                "--initial-advertise-peer-urls",
                &peer,
            ])
            .args(["--initial-cluster", &format!("default={peer}")]);
        Server::start("etcd", &mut command, self.folder)
    }

    fn start_api_server(&self) -> anyhow::Result<Server> {
        let mut command = self.program("kube-apiserver");
        command
            .args(["--etcd-servers", &format!("http://127.0.0.1:{}", self.etcd)])
            .args([
                "--bind-address",
                "127.0.0.1",
                "--secure-port",
                &self.api.to_string(),
                "--cert-dir",
                "certificates",
            ])
            .args(["--authorization-mode", "RBAC", "--token-auth-file", "tokens.csv"])
            .args(["--service-account-issuer", "https://kubernetes.default.svc"])
            .args(["--service-account-key-file", "service-account.key"])
            .args(["--service-account-signing-key-file", "service-account.key"])
            .args(["--service-cluster-ip-range", "10.0.0.0/24"]);
        Server::start("kube-apiserver", &mut command, self.folder)
    }

    fn start_controller_manager(&self) -> anyhow::Result<Server> {
        let port = free_port()?.to_string();
        let mut command = self.program("kube-controller-manager");
        command
            .arg("--kubeconfig")
            .arg(self.kubeconfig("controller-manager"))
            .args([
                "--bind-address",
                "127.0.0.1",
                "--secure-port",
                &port,
                "--cert-dir",
                "controller-certificates",
            ])
            .args([
                "--service-account-private-key-file",
                "service-account.key",
                "--leader-elect=false",
            ])
            // Every namespace gets the certificate of the API server, as in any other cluster.
            .args(["--root-ca-file", "certificates/apiserver.crt"]);
        Server::start("kube-controller-manager", &mut command, self.folder)
    }
}

/// 128 random bits in hex.
fn random_token() -> anyhow::Result<String> {
    use std::io::Read as _;
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .context("/dev/urandom")?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}
