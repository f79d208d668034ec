//! Servers as processes, which end with the run however it ends.

use std::fs::File;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// How long a server may take to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(5);

/// The shell command that sends a signal to the group whose number is the first argument.
///
/// The shell's own `kill` in the form of POSIX: dash takes no other for groups, and a bare Debian has no program of that name.
fn kill(signal: &str) -> String {
    format!("kill -s {signal} -- \"-$1\"")
}

/// A command that runs when this process is gone, for whatever reason; not run when dropped in time.
pub(crate) struct Watchdog(Child);

impl Watchdog {
    /// Sets the dog on: its shell reads a pipe that closes when this process ends, even by SIGKILL.
    pub(crate) fn new(script: &str, arguments: &[&str]) -> anyhow::Result<Self> {
        let child = Command::new("sh")
            .args(["-c", &format!("cat >/dev/null; {script}"), "watchdog"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A group of its own: Ctrl-C in the terminal must not reach it.
            .process_group(0)
            .spawn()
            .context("cannot start sh")?;
        Ok(Self(child))
    }

    /// The dog that ends a process group, named by its first process.
    fn of_group(first: &Child) -> anyhow::Result<Self> {
        let script = format!("{}; sleep {}; {}", kill("TERM"), GRACE.as_secs(), kill("KILL"));
        Self::new(&script, &[&first.id().to_string()])
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // Killed before its pipe closes, so that it does not act on a number that another process has by then.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A process group that is terminated when dropped, or when this process is gone.
pub(crate) struct Group {
    child: Child,
    _watchdog: Watchdog,
}

impl Group {
    /// Starts a program as the first of a group of its own.
    pub(crate) fn start(command: &mut Command) -> anyhow::Result<Self> {
        let child = command.process_group(0).spawn()?;
        let watchdog = Watchdog::of_group(&child)?;
        Ok(Self {
            child,
            _watchdog: watchdog,
        })
    }

    /// Waits until the program ends.
    pub(crate) fn wait(&mut self) -> anyhow::Result<ExitStatus> {
        Ok(self.child.wait()?)
    }

    fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)) | Err(_))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let group = self.child.id().to_string();
        let signal = |name: &str| {
            let mut command = Command::new("sh");
            command
                .args(["-c", &kill(name), "kill", &group])
                .stderr(Stdio::null());
            let _ = command.status();
        };
        if !self.has_ended() {
            signal("TERM");
            let started = Instant::now();
            while started.elapsed() < GRACE && !self.has_ended() {
                sleep(Duration::from_millis(50));
            }
        }
        // Whatever is left of the group: LocalStack is a supervisor with a child.
        signal("KILL");
        let _ = self.child.wait();
    }
}

/// A server with a log; terminated when dropped.
pub(crate) struct Server {
    name: &'static str,
    group: Group,
    log: PathBuf,
}

impl Server {
    /// Starts a program with its output in `folder/NAME.log`.
    pub(crate) fn start(name: &'static str, command: &mut Command, folder: &Path) -> anyhow::Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file);
        let group = Group::start(command).with_context(|| format!("cannot start {name}"))?;
        Ok(Self { name, group, log })
    }

    /// Waits until `ready` says so; fails when the server ends before, or after `limit`.
    pub(crate) fn wait_until(&mut self, limit: Duration, ready: impl Fn() -> bool) -> anyhow::Result<()> {
        let started = Instant::now();
        while !ready() {
            if let Some(status) = self.group.child.try_wait()? {
                bail!(
                    "{} ended with {status}; its log is {}",
                    self.name,
                    self.log.display()
                );
            }
            if started.elapsed() > limit {
                bail!(
                    "{} was not ready after {limit:?}; its log is {}",
                    self.name,
                    self.log.display()
                );
            }
            sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}

/// A port on the loopback interface that was free a moment ago.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))
        .context("no free port on 127.0.0.1")?
        .local_addr()?
        .port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_alive(pid: &str) -> bool {
        std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
    }

    /// A group of a shell and a child of it, whose number the shell prints.
    fn group() -> (Group, String) {
        use std::io::{BufRead as _, BufReader};
        let mut command = Command::new("sh");
        command
            .args(["-c", "sleep 100 & echo $!; wait"])
            .stdout(Stdio::piped());
        let mut group = Group::start(&mut command).unwrap();
        let mut line = String::new();
        BufReader::new(group.child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        (group, line.trim().to_owned())
    }

    fn ends(pid: &str) -> bool {
        let started = Instant::now();
        while is_alive(pid) && started.elapsed() < Duration::from_secs(10) {
            sleep(Duration::from_millis(20));
        }
        !is_alive(pid)
    }

    #[test]
    fn a_dropped_group_takes_its_children_along() {
        let (group, child) = group();
        assert!(is_alive(&child));
        drop(group);
        assert!(ends(&child));
    }

    /// Not a test by itself: [`ctrl_c_leaves_no_process`] runs it in a process of its own, as `cargo xtask e2e` is one.
    #[test]
    #[ignore = "run by another test"]
    fn runner() {
        let folder = std::path::PathBuf::from(std::env::var_os("AFTERBAY_TEST_FOLDER").unwrap());
        let parent = |name: &str| {
            let mut command = Command::new("sh");
            command
                .args(["-c", "sleep 100 & echo $! >\"$0\"; wait"])
                .arg(folder.join(name));
            command
        };
        let _server = Server::start("server", &mut parent("first"), &folder).unwrap();
        let mut scenarios = Group::start(&mut parent("second")).unwrap();
        scenarios.wait().unwrap();
    }

    #[test]
    fn ctrl_c_leaves_no_process() {
        use std::os::unix::process::ExitStatusExt as _;
        let folder = crate::shell::target().join(format!("ctrl-c-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        // Whoever runs the tests in the background of a shell has them ignore the signal; `env` undoes that.
        let mut runner = Command::new("env")
            .arg("--default-signal=INT")
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "e2e::process::tests::runner", "--ignored"])
            .env("AFTERBAY_TEST_FOLDER", &folder)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let started = Instant::now();
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        let numbers = || ["first", "second"].map(|name| read(name).trim().to_owned());
        while numbers().contains(&String::new()) && started.elapsed() < Duration::from_secs(20) {
            sleep(Duration::from_millis(20));
        }
        let children = numbers();
        assert!(children.iter().all(|child| is_alive(child)), "{children:?}");

        let mut interrupt = Command::new("sh");
        interrupt.args(["-c", "kill -s INT \"$1\"", "kill", &runner.id().to_string()]);
        assert!(interrupt.status().unwrap().success());
        assert_eq!(runner.wait().unwrap().signal(), Some(2));
        assert!(children.iter().all(|child| ends(child)), "{children:?} are left");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_watchdog_whose_pipe_closes_ends_the_group() {
        let (group, child) = group();
        let mut watchdog = Watchdog::of_group(&group.child).unwrap();
        assert!(is_alive(&child));
        // What the end of this process does.
        drop(watchdog.0.stdin.take());
        assert!(ends(&child));
    }
}
