//! The run.

use afterbay_apply::{ApplyEvent, ApplyReport, Inventory, Mode};
use afterbay_decrypt::{DecryptOptions, DecryptedSet, OpenedFiles};
use afterbay_keys::KeyRing;
use afterbay_manifest::RenderedSet;
use afterbay_normalize::NormalizedSet;

use crate::event::{Emit, Stage, StageEvent};
use crate::{Build, Destination, RunError, RunReport, Target};

/// Fetches, opens, renders, normalizes, plans and applies.
pub async fn run(target: &Target, ring: &KeyRing, emit: Emit<'_>) -> Result<RunReport, RunError> {
    let decrypted = build(&target.build, ring, emit).await?;
    let decrypt = decrypted.report();
    let apply = apply(decrypted, &target.destination, emit).await?;
    Ok(RunReport {
        decrypt,
        keys: ring.notes(),
        apply,
    })
}

/// From the remote to objects in which nothing is sealed.
pub async fn build(build: &Build, ring: &KeyRing, emit: Emit<'_>) -> Result<DecryptedSet, RunError> {
    emit(StageEvent::Started(Stage::Fetch));
    let snapshot = afterbay_source::fetch(&build.source).await?;
    let files = snapshot.tree.entries().count();
    finished(
        emit,
        Stage::Fetch,
        format!("{}, {files} files", snapshot.revision),
    );

    emit(StageEvent::Started(Stage::Decrypt));
    let inputs = afterbay_render::inputs(&snapshot.tree, &build.path)?;
    let sealed = afterbay_decrypt::scan(&snapshot.tree, inputs.iter(), &build.decrypt)?;
    let keys = ring.unwrap_all(sealed.key_requests()).await;
    let (tree, opened) = afterbay_decrypt::overlay(snapshot.tree, sealed, &keys, &build.decrypt)?;
    let values: usize = opened.reports().iter().map(|file| file.opened).sum();
    finished(
        emit,
        Stage::Decrypt,
        format!("{} sealed files, {values} values", opened.reports().len()),
    );

    emit(StageEvent::Started(Stage::Render));
    let rendered = afterbay_render::render(&tree, &build.path, snapshot.revision)?;
    finished(emit, Stage::Render, format!("{} objects", rendered.objects.len()));
    prove(rendered, opened, ring, &build.decrypt).await
}

/// Opens what is sealed inside objects, and proves that nothing sealed is left.
///
/// `opened` is the default for objects from a pipe.
pub async fn prove(
    rendered: RenderedSet,
    opened: OpenedFiles,
    ring: &KeyRing,
    options: &DecryptOptions,
) -> Result<DecryptedSet, RunError> {
    let tokens = afterbay_decrypt::scan_objects(&rendered, opened, options);
    let keys = ring.unwrap_all(tokens.key_requests().to_vec()).await;
    Ok(afterbay_decrypt::finish(rendered, tokens, &keys, options)?)
}

/// From opened objects to the cluster.
pub async fn apply(
    decrypted: DecryptedSet,
    destination: &Destination,
    emit: Emit<'_>,
) -> Result<ApplyReport, RunError> {
    emit(StageEvent::Started(Stage::Normalize));
    let normalized: NormalizedSet = afterbay_normalize::normalize(decrypted)?;
    finished(
        emit,
        Stage::Normalize,
        format!("{} objects", normalized.objects().len()),
    );

    for warning in normalized.warnings() {
        emit(StageEvent::Warned(warning.clone()));
    }

    emit(StageEvent::Started(Stage::Plan));
    let client = afterbay_apply::connect(&destination.connect).await?;
    let inventory = match &destination.inventory {
        Some(options) => afterbay_apply::inventory(&client, options).await?,
        None => Inventory::none(),
    };
    let live = afterbay_apply::observe(&client, &normalized, &inventory, &destination.apply).await?;
    let plan = afterbay_apply::plan(normalized, &inventory, live, &destination.apply)?;
    finished(
        emit,
        Stage::Plan,
        format!("{} objects to write or delete", plan.writes()),
    );
    if destination.apply.mode == Mode::Write {
        emit(StageEvent::Started(Stage::Apply));
    }
    let (mut done, mut total) = (0, 0);
    let report = afterbay_apply::execute(&client, plan, &mut |event| match event {
        ApplyEvent::Started { writes } => total = writes,
        ApplyEvent::Done { .. } => {
            done += 1;
            emit(StageEvent::Progressed {
                stage: Stage::Apply,
                done,
                total: Some(total as u64),
                unit: "objects",
            });
        }
        ApplyEvent::Waiting { .. } => {}
    })
    .await?;
    if destination.apply.mode == Mode::Write {
        finished(emit, Stage::Apply, report.counts.to_string());
    }
    Ok(report)
}

fn finished(emit: Emit<'_>, stage: Stage, summary: String) {
    emit(StageEvent::Finished { stage, summary });
}
