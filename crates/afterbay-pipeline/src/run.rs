//! The run.

use afterbay_apply::{ApplyPlan, ApplyReport, Client, Inventory};
use afterbay_decrypt::{DecryptOptions, DecryptReport, OpenedFiles};
use afterbay_keys::KeyRing;
use afterbay_manifest::{RenderedSet, Warning};
use afterbay_normalize::NormalizedSet;
use afterbay_render::{Explanation, RenderErrors};

use crate::{Build, Destination, Emit, RunError, RunReport, Stage, StageEvent, Target};

/// What was opened, and the objects as the API server stores them.
pub type Built = (DecryptReport, NormalizedSet);

type Outcome<T> = Result<T, RunError>;

/// Why a run stopped, and what it had opened before; `None` when that was not done.
pub type Stopped = (RunError, Option<DecryptReport>);

/// Fetches, opens, renders, normalizes, plans and applies.
pub async fn run(target: &Target, ring: &KeyRing, emit: Emit<'_>) -> Result<RunReport, Stopped> {
    let built = build(&target.build, ring, emit).await;
    let (decrypt, normalized) = built.map_err(|error| (error, None))?;
    match apply(normalized, &target.destination, emit).await {
        Ok(apply) => Ok(RunReport { decrypt, apply }),
        Err(error) => Err((error, Some(decrypt))),
    }
}

/// From the remote to objects as the API server stores them, with what was opened for it.
///
/// What is wrong with one file keeps no other from being looked at, so that everything is said at once.
pub async fn build(build: &Build, ring: &KeyRing, emit: Emit<'_>) -> Outcome<Built> {
    emit(StageEvent::Started(Stage::Fetch));
    let (path, asked) = (&build.path, &build.specification);
    let missing = |tree: &_| afterbay_render::remote_entries(tree, path, asked);
    let snapshot = afterbay_source::fetch_for(&build.source, missing).await?;
    let summary = format!("{}, {} files", snapshot.revision, snapshot.tree.entries().count());
    finished(emit, Stage::Fetch, summary);

    emit(StageEvent::Started(Stage::Decrypt));
    let inputs = afterbay_render::inputs_specified(&snapshot.tree, path, asked);
    let sealed = afterbay_decrypt::scan(&snapshot.tree, inputs.iter(), &build.decrypt);
    let told = &mut |done, total| progressed(emit, Stage::Decrypt, done, total, "data keys");
    let keys = ring.unwrap_each(sealed.key_requests(), told).await;
    let (tree, mut opened) = afterbay_decrypt::overlay(snapshot.tree, sealed, &keys, &build.decrypt);
    let values: usize = opened.reports().iter().map(|file| file.opened).sum();
    let summary = format!("{} sealed files, {values} values", opened.reports().len());
    finished(emit, Stage::Decrypt, summary);

    opened.keep_secret(asked.sealed_values());
    emit(StageEvent::Started(Stage::Render));
    let rendered = afterbay_render::attempt_specified(&tree, path, snapshot.revision, asked);
    let summary = format!("{} objects", rendered.0.objects.len());
    finished(emit, Stage::Render, summary);
    let explain = || afterbay_render::explanation(&tree, path, afterbay_render::Options::default(), asked);
    conclude(rendered, opened, ring, &build.decrypt, explain, emit).await
}

/// The same for objects from a pipe, which nobody here has opened.
pub async fn piped(set: RenderedSet, ring: &KeyRing, to: &DecryptOptions, emit: Emit<'_>) -> Outcome<Built> {
    let opened = OpenedFiles::elsewhere();
    conclude((set, None), opened, ring, to, Explanation::default, emit).await
}

/// Opens what is sealed inside objects, proves that nothing sealed is left, and normalizes.
///
/// With something `wrong` before, or on the way, the later stages only look for more of it. `explain` is asked only where an
/// opened value ended where it must not.
async fn conclude(
    (rendered, wrong): (RenderedSet, Option<RenderErrors>),
    opened: OpenedFiles,
    ring: &KeyRing,
    options: &DecryptOptions,
    explain: impl FnOnce() -> Explanation,
    emit: Emit<'_>,
) -> Outcome<Built> {
    let told = [opened.warnings(), &rendered.warnings].concat();
    warn(emit, &told, &[]);
    let tokens = afterbay_decrypt::scan_objects(&rendered, opened, options);
    let keys = ring.unwrap_all(tokens.key_requests().to_vec()).await;
    let mut errors: Vec<RunError> = wrong.into_iter().map(RunError::from).collect();
    emit(StageEvent::Started(Stage::Normalize));
    match afterbay_decrypt::finish(rendered, tokens, &keys, options) {
        Ok(decrypted) => {
            let report = decrypted.report();
            match afterbay_normalize::normalize(decrypted) {
                Ok(normalized) if errors.is_empty() => {
                    warn(emit, normalized.warnings(), &told);
                    let summary = format!("{} objects", normalized.objects().len());
                    finished(emit, Stage::Normalize, summary);
                    return Ok((report, normalized));
                }
                other => errors.extend(other.err().map(RunError::from)),
            }
        }
        Err(unfinished) => {
            let (mut more, parts) = (unfinished.errors, unfinished.parts);
            more.blame(explain, Explanation::cause);
            errors.insert(0, more.into());
            errors.extend(afterbay_normalize::check(parts.objects).err().map(RunError::from));
        }
    }
    Err(RunError::Several(errors))
}

/// From objects to the cluster.
pub async fn apply(set: NormalizedSet, to: &Destination, emit: Emit<'_>) -> Outcome<ApplyReport> {
    let (client, plan) = plan(set, to, emit).await?;
    execute(&client, plan, emit).await
}

/// From objects to a plan, and the connection that it was made through. Writes nothing.
pub async fn plan(set: NormalizedSet, to: &Destination, emit: Emit<'_>) -> Outcome<(Client, ApplyPlan)> {
    emit(StageEvent::Started(Stage::Plan));
    let client = afterbay_apply::connect(&to.connect).await?;
    let inventory = match &to.inventory {
        Some(options) => afterbay_apply::inventory(&client, options).await?,
        None => Inventory::none(),
    };
    let judged = &mut |done, total| progressed(emit, Stage::Plan, done, total, "objects");
    let live = afterbay_apply::observe(&client, &set, &inventory, &to.apply, judged).await?;
    let plan = afterbay_apply::plan(set, &inventory, live, &to.apply)?;
    let summary = format!("{} objects to write or delete", plan.writes());
    finished(emit, Stage::Plan, summary);
    Ok((client, plan))
}

/// From a plan to the cluster.
pub async fn execute(client: &Client, plan: ApplyPlan, emit: Emit<'_>) -> Outcome<ApplyReport> {
    let mut count = (0, 0);
    emit(StageEvent::Started(Stage::Apply));
    let report = afterbay_apply::execute(client, plan, &mut |event| {
        count = event.count(count);
        event.lines().for_each(|line| finished(emit, Stage::Apply, line));
        progressed(emit, Stage::Apply, count.0, count.1, "objects");
    })
    .await?;
    finished(emit, Stage::Apply, report.outcome());
    Ok(report)
}

fn warn(emit: Emit<'_>, warnings: &[Warning], told: &[Warning]) {
    let fresh = warnings.iter().filter(|warning| !told.contains(warning)).cloned();
    fresh.for_each(|warning| emit(StageEvent::Warned(warning)));
}

fn progressed(emit: Emit<'_>, stage: Stage, done: usize, total: usize, unit: &'static str) {
    emit(StageEvent::Progressed {
        stage,
        done: done as u64,
        total: Some(total as u64),
        unit,
    });
}

fn finished(emit: Emit<'_>, stage: Stage, summary: String) {
    emit(StageEvent::Finished { stage, summary });
}
