//! The scenarios, one file each; `cargo xtask e2e` runs them.

mod acts_as_others;
mod applies_a_revision;
mod builds_sealed_overlays_as_kustomize;
mod builds_what_a_flux_kustomization_asks;
mod builds_what_is_pinned_elsewhere;
mod changes_only_what_changed;
mod controls_of_single_objects;
mod converges_after_sigkill;
mod decrypts_eyaml;
mod decrypts_with_age;
mod decrypts_with_azure_key_vault;
mod decrypts_with_gcp_kms;
mod decrypts_with_kms;
mod decrypts_with_vault;
mod defers_what_waits_for_its_namespace;
mod delete_takes_all_away;
mod diff_hides_every_value;
mod diff_shows_what_changes;
mod doctor_repairs_orphaned_keys;
mod goes_on_without_what_is_refused;
mod guards_against_pruning;
mod ignores_fields_that_others_set;
mod integrity_policies;
mod interop_matrix;
mod interrupted_by_sigterm;
mod inventory_tells_what_is_owned;
mod keeps_secrets_out_of_every_output;
mod kms_trouble;
mod large_inventory_is_split;
mod leaves_no_core_and_no_readable_memory;
mod locks_the_inventory;
mod normalize_equals_the_server;
mod nothing_to_guess_a_secret_by;
mod opened_values_stay_where_they_may;
mod pipes_equal_composed;
mod plan_is_applied_as_it_was_saved;
mod plan_writes_nothing;
mod prunes_only_what_is_ours;
mod prunes_what_left;
mod recreates_what_cannot_change;
mod refuses_a_disabled_kms_key;
mod refuses_a_wrong_key;
mod refuses_bad_input;
mod refuses_removed_value;
mod refuses_swapped_value;
mod refuses_tampered_mac;
mod refuses_tampered_value;
mod refuses_what_the_server_refuses;
mod reports_conflicts;
mod reports_drift_and_leaves_it;
mod rolls_out_what_reads_a_changed_secret;
mod runs_without_git_or_ssh;
mod secrets_have_to_be_sealed;
mod string_data_keys_that_leave_git_leave_the_cluster;
mod survives_api_server_away_then_back;
mod takes_over_from_kubectl;
mod unchanged_as_the_server_says;
mod waits_until_all_is_healthy;
mod writes_stage_by_stage;

use std::path::Path;
use std::process::ExitCode;

use e2e::Case;

/// Scenarios that share the server with others.
const CASES: &[Case] = &[
    ("acts_as_others", acts_as_others::run),
    ("applies_a_revision", applies_a_revision::run),
    ("controls_of_single_objects", controls_of_single_objects::run),
    ("takes_over_from_kubectl", takes_over_from_kubectl::run),
    (
        "builds_sealed_overlays_as_kustomize",
        builds_sealed_overlays_as_kustomize::run,
    ),
    (
        "builds_what_a_flux_kustomization_asks",
        builds_what_a_flux_kustomization_asks::run,
    ),
    (
        "builds_what_is_pinned_elsewhere",
        builds_what_is_pinned_elsewhere::run,
    ),
    ("converges_after_sigkill", converges_after_sigkill::run),
    ("decrypts_eyaml", decrypts_eyaml::run),
    ("decrypts_with_age", decrypts_with_age::run),
    ("decrypts_with_kms", decrypts_with_kms::run),
    (
        "decrypts_with_azure_key_vault",
        decrypts_with_azure_key_vault::run,
    ),
    ("decrypts_with_gcp_kms", decrypts_with_gcp_kms::run),
    ("decrypts_with_vault", decrypts_with_vault::run),
    (
        "defers_what_waits_for_its_namespace",
        defers_what_waits_for_its_namespace::run,
    ),
    ("delete_takes_all_away", delete_takes_all_away::run),
    ("diff_hides_every_value", diff_hides_every_value::run),
    ("diff_shows_what_changes", diff_shows_what_changes::run),
    ("doctor_repairs_orphaned_keys", doctor_repairs_orphaned_keys::run),
    (
        "goes_on_without_what_is_refused",
        goes_on_without_what_is_refused::run,
    ),
    ("guards_against_pruning", guards_against_pruning::run),
    (
        "ignores_fields_that_others_set",
        ignores_fields_that_others_set::run,
    ),
    ("integrity_policies", integrity_policies::run),
    ("interop_matrix", interop_matrix::run),
    ("interrupted_by_sigterm", interrupted_by_sigterm::run),
    (
        "inventory_tells_what_is_owned",
        inventory_tells_what_is_owned::run,
    ),
    (
        "keeps_secrets_out_of_every_output",
        keeps_secrets_out_of_every_output::run,
    ),
    ("kms_trouble", kms_trouble::run),
    (
        "leaves_no_core_and_no_readable_memory",
        leaves_no_core_and_no_readable_memory::run,
    ),
    ("locks_the_inventory", locks_the_inventory::run),
    ("normalize_equals_the_server", normalize_equals_the_server::run),
    ("nothing_to_guess_a_secret_by", nothing_to_guess_a_secret_by::run),
    (
        "opened_values_stay_where_they_may",
        opened_values_stay_where_they_may::run,
    ),
    ("pipes_equal_composed", pipes_equal_composed::run),
    (
        "plan_is_applied_as_it_was_saved",
        plan_is_applied_as_it_was_saved::run,
    ),
    ("prunes_only_what_is_ours", prunes_only_what_is_ours::run),
    ("prunes_what_left", prunes_what_left::run),
    ("recreates_what_cannot_change", recreates_what_cannot_change::run),
    ("refuses_a_disabled_kms_key", refuses_a_disabled_kms_key::run),
    ("refuses_a_wrong_key", refuses_a_wrong_key::run),
    ("refuses_bad_input", refuses_bad_input::run),
    ("refuses_removed_value", refuses_removed_value::run),
    ("refuses_swapped_value", refuses_swapped_value::run),
    ("refuses_tampered_mac", refuses_tampered_mac::run),
    ("refuses_tampered_value", refuses_tampered_value::run),
    (
        "refuses_what_the_server_refuses",
        refuses_what_the_server_refuses::run,
    ),
    ("reports_conflicts", reports_conflicts::run),
    ("reports_drift_and_leaves_it", reports_drift_and_leaves_it::run),
    (
        "rolls_out_what_reads_a_changed_secret",
        rolls_out_what_reads_a_changed_secret::run,
    ),
    ("runs_without_git_or_ssh", runs_without_git_or_ssh::run),
    ("secrets_have_to_be_sealed", secrets_have_to_be_sealed::run),
    (
        "string_data_keys_that_leave_git_leave_the_cluster",
        string_data_keys_that_leave_git_leave_the_cluster::run,
    ),
    (
        "survives_api_server_away_then_back",
        survives_api_server_away_then_back::run,
    ),
    ("unchanged_as_the_server_says", unchanged_as_the_server_says::run),
    ("waits_until_all_is_healthy", waits_until_all_is_healthy::run),
    ("writes_stage_by_stage", writes_stage_by_stage::run),
];

/// Scenarios that count what the server as a whole was asked.
const ALONE: &[Case] = &[
    ("changes_only_what_changed", changes_only_what_changed::run),
    ("large_inventory_is_split", large_inventory_is_split::run),
    ("plan_writes_nothing", plan_writes_nothing::run),
];

fn main() -> ExitCode {
    e2e::main(
        CASES,
        ALONE,
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e"),
    )
}
