//! A run that holds an opened secret leaves no core file when it is aborted, and no other process of the same user can
//! read its memory.

use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use e2e::{Outcome, Proxy, Running, Scenario, wait_until};

const SECRET: &str = "c4n4ry-that-must-stay-inside";
const PATIENCE: Duration = Duration::from_secs(30);
/// `nobody` on most systems; any user but root would do.
const USER: u32 = 65534;

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let is_root = e2e::run(Command::new("id").arg("-u"))?.success()?.trim() == "0";
    if is_root && !Path::new("/usr/bin/setpriv").exists() {
        return Ok(Outcome::Skipped(
            "this is root, and there is no setpriv to become somebody else".to_owned(),
        ));
    }
    // A place that the other user reaches, whoever owns the folders above the scratch folder.
    let place = tempfile::tempdir()?;
    let stage = Stage {
        scenario,
        place: place.path(),
        is_root,
    };
    let _hanging = stage.set_up()?;

    let mut aborted = stage.start("aborted")?;
    let limits = fs::read_to_string(format!("/proc/{}/limits", aborted.id()))?;
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .context("no limit on core files")?;
    ensure!(
        core.split_whitespace().filter(|word| *word == "0").count() == 2,
        "{core}"
    );
    if is_root {
        // Root can look: the secret is really there, so what follows protects something.
        ensure!(
            holds(aborted.id(), SECRET.as_bytes())?,
            "the secret is not opened yet; nothing would be proved"
        );
    }
    ensure!(aborted.is_running());
    aborted.signal("ABRT")?;
    let (status, output) = aborted.finish(PATIENCE)?;
    ensure!(
        status.signal() == Some(6) && !status.core_dumped(),
        "{status}\n{}",
        output.stderr
    );
    let mut files = fs::read_dir(stage.place)?.flatten();
    ensure!(
        !files.any(|file| file.file_name().to_string_lossy().starts_with("core")),
        "a core file is left"
    );

    let mut reader = stage.as_user("sh");
    reader.args([
        "-c",
        "sleep 30 & exec 3<\"/proc/$!/mem\"; code=$?; kill $!; exit $code",
    ]);
    if e2e::run(&mut reader)?.code != Some(0) {
        return Ok(Outcome::Skipped(
            "this kernel lets no process read another's memory, hardened or not; core files were checked"
                .to_owned(),
        ));
    }
    let mut read = stage.start("read")?;
    for file in ["mem", "environ", "maps"] {
        let mut reader = stage.as_user("sh");
        reader.args(["-c", &format!("exec 3</proc/{}/{file}", read.id())]);
        let output = e2e::run(&mut reader)?;
        ensure!(
            output.code != Some(0) && output.stderr.to_lowercase().contains("permission denied"),
            "{file} of the process can be opened by its own user: {}",
            output.stderr
        );
    }
    ensure!(read.is_running());
    Ok(Outcome::Passed)
}

struct Stage<'a> {
    scenario: &'a Scenario,
    place: &'a Path,
    is_root: bool,
}

impl Stage<'_> {
    /// Everything the run needs, in the hands of the user that runs it. The server hangs.
    fn set_up(&self) -> anyhow::Result<Proxy> {
        let Self { scenario, place, .. } = *self;
        let key = scenario.age_key("alice")?;
        let repository = e2e::Repository::create(&place.join("repository"))?;
        let manifest = format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: database\nstringData:\n  password: {SECRET}\n"
        );
        repository.write("database.yaml", scenario.sops().encrypt(&manifest, &key)?)?;
        repository.commit("first")?;
        let proxy = Proxy::start(&scenario.cluster.address()?)?;
        proxy.slow_down(Duration::from_hours(1));
        scenario
            .cluster
            .with_server(proxy.address(), &place.join("kubeconfig"))?;
        fs::copy(&key.file, place.join("key"))?;
        fs::copy(&scenario.environment.binary, place.join("afterbay"))?;
        fs::set_permissions(place, Permissions::from_mode(0o755))?;
        if self.is_root {
            for name in ["", "key", "kubeconfig"] {
                chown(place.join(name), Some(USER), Some(USER))?;
            }
            e2e::run(
                Command::new("chown")
                    .args(["-R", &format!("{USER}:{USER}")])
                    .arg(repository.path()),
            )?
            .success()?;
        }
        Ok(proxy)
    }

    /// A program as the unprivileged user.
    fn as_user(&self, program: &str) -> Command {
        let mut command = if self.is_root {
            let mut command = Command::new("/usr/bin/setpriv");
            let user = USER.to_string();
            command.args([
                "--reuid",
                &user,
                "--regid",
                &user,
                "--clear-groups",
                "--inh-caps=-all",
                program,
            ]);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(self.place);
        command
    }

    /// A run that has opened the secret and waits for the server, allowed by its parent to dump core.
    fn start(&self, name: &str) -> anyhow::Result<Running> {
        let log = self.place.join(format!("{name}.log"));
        let mut command = self.as_user("sh");
        command
            .args([
                "-c",
                "ulimit -c unlimited 2>/dev/null; exec ./afterbay apply --url \"$PWD/repository\" --age-key-file key --no-cache",
            ])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.place)
            .env("KUBECONFIG", self.place.join("kubeconfig"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?);
        let mut run = Running::new(command.spawn().context("cannot start afterbay")?);
        wait_until("the secret is opened", PATIENCE, || {
            let lines = BufReader::new(File::open(&log)?).lines();
            let texts: Vec<String> = lines.map_while(Result::ok).collect();
            ensure!(run.is_running(), "the run ended: {texts:?}");
            Ok(texts
                .iter()
                .any(|line| line.trim_start().starts_with("normalize")))
        })?;
        Ok(run)
    }
}

/// Whether a process has these bytes in memory that it can write.
fn holds(process: u32, wanted: &[u8]) -> anyhow::Result<bool> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps"))?;
    let mut memory = File::open(format!("/proc/{process}/mem"))?;
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (Some(range), Some(rights)) = (words.next(), words.next()) else {
            continue;
        };
        if !rights.starts_with("rw") {
            continue;
        }
        let (from, to) = range.split_once('-').context("not a range")?;
        let (from, to) = (u64::from_str_radix(from, 16)?, u64::from_str_radix(to, 16)?);
        memory.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        // Pages that were never touched cannot be read; what could be read before them counts.
        let _ = (&mut memory).take(to - from).read_to_end(&mut bytes);
        if bytes.windows(wanted.len()).any(|window| window == wanted) {
            return Ok(true);
        }
    }
    Ok(false)
}
