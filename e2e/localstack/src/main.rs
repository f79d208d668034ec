//! Runs LocalStack in a container for `cargo xtask e2e`, and removes it when standard input closes.
//!
//! Standard input is a pipe that whoever started this holds. It closes when that process ends, however it ends, so the container
//! goes with it. The one line of standard output is the port on loopback; the container's log goes to standard error. The
//! arguments are LocalStack's settings, each as `NAME=VALUE`.

use std::collections::HashMap;
use std::env;
use std::io::{Write as _, stderr};

use anyhow::Context as _;
use testcontainers::bollard::models::{HostConfig, PortBinding};
use testcontainers::core::logs::LogFrame;
use testcontainers::runners::AsyncRunner as _;
use testcontainers::{GenericImage, ImageExt as _};
use tokio::io::{copy, sink, stdin};

/// The release; the lock file of the form as a process is of the same.
const VERSION: &str = "4.10.0";

/// Where LocalStack listens in the container.
const PORT: u16 = 4566;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut request = GenericImage::new("localstack/localstack", VERSION)
        .with_host_config_modifier(publish_on_loopback)
        .with_log_consumer(|frame: &LogFrame| {
            // A log that cannot be written is no reason to end.
            let _ = stderr().write_all(frame.bytes());
        });
    for setting in env::args().skip(1) {
        let (name, value) = setting.split_once('=').context("a setting is NAME=VALUE")?;
        request = request.with_env_var(name, value);
    }
    let container = request.start().await?;
    println!("{}", container.get_host_port_ipv4(PORT).await?);
    copy(&mut stdin(), &mut sink()).await?;
    container.rm().await?;
    Ok(())
}

/// A free port of loopback only: by itself the library publishes on every address of the machine.
fn publish_on_loopback(host: &mut HostConfig) {
    let binding = PortBinding {
        host_ip: Some("127.0.0.1".to_owned()),
        host_port: None,
    };
    host.publish_all_ports = None;
    host.port_bindings = Some(HashMap::from([(format!("{PORT}/tcp"), Some(vec![binding]))]));
}
