//! `afterbay-fakes SERVICE`: a fake as a program, for what cannot link it.
//!
//! The first line on standard output is JSON: the `url` and, with `--tls`, the certificate of the authority
//! (`ca`, PEM). It serves until its standard input ends, so that it ends with whoever started it.

use std::io::{self, Read as _, Write as _};
use std::time::Duration;

use afterbay_fakes::aws::AwsFake;
use afterbay_fakes::azure::{self, Azure};
use afterbay_fakes::connect::Proxy;
use afterbay_fakes::gcp::GcpKms;
use afterbay_fakes::http::Server;
use afterbay_fakes::tls::TestCa;
use clap::{Args, Parser, Subcommand};
use serde_json::json;

/// Serves a strict fake of a key service on loopback
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    service: Service,

    /// Address to listen at
    #[arg(long, global = true, value_name = "HOST:PORT", default_value = "127.0.0.1:0")]
    listen: String,

    /// Serve HTTPS under a new authority
    #[arg(long, global = true)]
    tls: bool,
}

#[derive(Debug, Subcommand)]
enum Service {
    /// AWS KMS and STS
    Aws(Aws),
    /// Google Cloud KMS over REST; it takes the token `canary-gcp-token`
    Gcp,
    /// Azure Key Vault `shop.vault.azure.net` and its login service, always HTTPS; the line has a `proxy`, too
    Azure,
}

#[derive(Debug, Args)]
struct Aws {
    /// Who may sign: ID:SECRET:ACCOUNT (can be repeated)
    #[arg(long, value_name = "USER", default_value = "test:test:000000000000")]
    user: Vec<String>,

    /// ARN of a key (can be repeated)
    #[arg(long, value_name = "ARN")]
    key: Vec<String>,

    /// ARN of a role that can be assumed (can be repeated)
    #[arg(long, value_name = "ARN")]
    role: Vec<String>,

    /// How long KMS takes for an answer, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 0)]
    latency: u64,
}

fn main() -> io::Result<()> {
    let cli = Cli::parse();
    let ca = cli.tls.then(TestCa::new);
    match &cli.service {
        Service::Aws(aws) => {
            let fake = aws.start(&cli.listen, ca.as_ref())?;
            serve(fake.server(), ca.as_ref(), None)
        }
        Service::Gcp => {
            let fake = GcpKms::start_at(&cli.listen, ca.as_ref())?;
            serve(fake.server(), ca.as_ref(), None)
        }
        Service::Azure => {
            let ca = TestCa::new();
            let fake = Azure::start_tls(&ca)?;
            let proxy = Proxy::start(&azure::NAMES.map(|name| (name, fake.server())))?;
            serve(fake.server(), Some(&ca), Some(&proxy))
        }
    }
}

impl Aws {
    fn start(&self, address: &str, ca: Option<&TestCa>) -> io::Result<AwsFake> {
        let fake = AwsFake::start_at(address, ca)?;
        for user in &self.user {
            let parts: Vec<&str> = user.split(':').collect();
            let [id, secret, account] = parts.as_slice() else {
                return Err(io::Error::other(format!(
                    "--user {user}: not of the form ID:SECRET:ACCOUNT"
                )));
            };
            fake.add_user(id, secret, account);
        }
        for key in &self.key {
            fake.add_key(key);
        }
        for role in &self.role {
            fake.add_role(role);
        }
        fake.set_latency(Duration::from_millis(self.latency));
        Ok(fake)
    }
}

/// Tells where the server is and waits for the end of standard input; then says what it should not have got.
fn serve(server: &Server, ca: Option<&TestCa>, proxy: Option<&Proxy>) -> io::Result<()> {
    let mut line = json!({ "url": server.url() });
    if let Some(ca) = ca {
        line["ca"] = json!(ca.pem());
    }
    if let Some(proxy) = proxy {
        line["proxy"] = json!(proxy.url());
    }
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()?;
    io::stdin().lock().read_to_end(&mut Vec::new())?;
    let violations = server.take_violations();
    if violations.is_empty() {
        Ok(())
    } else {
        Err(io::Error::other(format!(
            "requests that the service would not take: {violations:#?}"
        )))
    }
}
