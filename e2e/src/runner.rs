//! Runs scenarios, a few at a time, and says what became of them.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::{Cluster, Environment, Outcome, Scenario, parallel};

/// How many scenarios run at once; more only wait for two cores.
const PARALLEL: usize = 4;

/// One scenario: the name of its file, and its function.
pub type Case = (&'static str, fn(&Scenario) -> anyhow::Result<Outcome>);

struct Finished {
    name: &'static str,
    time: Duration,
    result: anyhow::Result<Outcome>,
}

/// Runs the cases; `folder` is where their files are, each of which has to be among them.
///
/// The cases of `alone` measure the server as a whole and run when nothing else does.
pub fn main(cases: &[Case], alone: &[Case], folder: &Path) -> ExitCode {
    let environment = match Environment::from_env() {
        Ok(environment) => environment,
        Err(error) => {
            println!("{error:#}");
            return ExitCode::FAILURE;
        }
    };
    let wanted = |case: &&Case| {
        environment
            .only
            .as_ref()
            .is_none_or(|only| only.split(',').any(|name| case.0.contains(name)))
    };
    let together: Vec<Case> = cases.iter().filter(wanted).copied().collect();
    let alone_wanted: Vec<Case> = alone.iter().filter(wanted).copied().collect();
    if together.is_empty() && alone_wanted.is_empty() {
        println!(
            "no scenario has {:?} in its name",
            environment.only.unwrap_or_default()
        );
        return ExitCode::FAILURE;
    }
    let forgotten = forgotten(cases.iter().chain(alone), folder);
    let mut finished = run_all(&environment, &together, PARALLEL);
    finished.extend(run_all(&environment, &alone_wanted, 1));
    report(&finished, &forgotten, &environment.run_dir.join("counts"))
}

fn run_all(environment: &Environment, cases: &[Case], threads: usize) -> Vec<Finished> {
    parallel::each(cases, threads, |case| {
        let done = run_one(environment, *case);
        print(&done);
        done
    })
}

fn run_one(environment: &Environment, (name, case): Case) -> Finished {
    let started = Instant::now();
    let result = prepare(environment, name).and_then(|scenario| {
        let result = catch_unwind(AssertUnwindSafe(|| case(&scenario)))
            .unwrap_or_else(|_| Err(anyhow::anyhow!("the scenario panicked; its message is above")));
        if result.is_err() {
            scenario
                .cluster
                .keep_evidence(name, &scenario.namespace, &scenario.folder);
        }
        if !environment.keep {
            scenario.cluster.delete_namespaces(name, &scenario.namespace);
        }
        result
    });
    Finished {
        name,
        time: started.elapsed(),
        result,
    }
}

fn prepare(environment: &Environment, name: &str) -> anyhow::Result<Scenario> {
    let folder = environment.run_dir.join(name);
    fs::create_dir_all(&folder)?;
    let cluster = Cluster::new(environment, &environment.kubeconfig);
    let namespace = cluster.create_namespace(name)?;
    Ok(Scenario {
        name: name.to_owned(),
        namespace,
        folder,
        environment: environment.clone(),
        cluster,
    })
}

/// Files next to `main.rs` that no case is named for.
fn forgotten<'a>(cases: impl Iterator<Item = &'a Case>, folder: &Path) -> Vec<String> {
    let listed: BTreeSet<&str> = cases
        .map(|case| case.0.split("::").next().unwrap_or(case.0))
        .collect();
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".rs").map(str::to_owned))
        .filter(|name| name != "main" && !listed.contains(name.as_str()))
        .collect();
    names.sort();
    names
}

fn print(finished: &Finished) {
    let Finished { name, time, result } = finished;
    let seconds = time.as_secs_f64();
    match result {
        Ok(Outcome::Passed) => println!("passed   {name} ({seconds:.1} s)"),
        Ok(Outcome::Counted(what)) => println!("passed   {name} ({seconds:.1} s): {what}"),
        Ok(Outcome::Skipped(reason)) => println!("skipped  {name}: {reason}"),
        Err(error) => println!(
            "FAILED   {name} ({seconds:.1} s)\n{}",
            indent(&format!("{error:#}"))
        ),
    }
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

/// The last line says how many ended how; the same goes to the file `result`, where `cargo xtask` reads it.
fn report(finished: &[Finished], forgotten: &[String], result: &Path) -> ExitCode {
    let count = |wanted: fn(&anyhow::Result<Outcome>) -> bool| {
        finished.iter().filter(|done| wanted(&done.result)).count()
    };
    let passed = count(|result| matches!(result, Ok(Outcome::Passed | Outcome::Counted(_))));
    let skipped = count(|result| matches!(result, Ok(Outcome::Skipped(_))));
    let failed = count(Result::is_err) + forgotten.len();
    for name in forgotten {
        println!("FAILED   {name}: its file is not listed in tests/e2e/main.rs");
    }
    let counts = format!("{passed} passed, {failed} failed, {skipped} skipped");
    if let Err(error) = fs::write(result, &counts) {
        println!("cannot write {}: {error}", result.display());
    }
    println!("\n{counts}");
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
