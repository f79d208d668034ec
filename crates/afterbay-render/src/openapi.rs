//! `openapi`: a schema that says which lists of custom kinds merge.

use std::sync::Arc;

use afterbay_manifest::Place;
use afterbay_manifest::yaml::Table;

use crate::error::RenderError;
use crate::kustomization::OpenApi;
use crate::loads::Files;
use crate::merge::Schema;
use crate::read;

/// The version of Kubernetes whose schema kustomize has built in.
const BUILT_IN: &str = "v1.21.2";

/// The schema that a kustomization brings; `None` if it says nothing.
///
/// A file takes the place of the built-in schema, unless that was asked about a kind before: then kustomize has both.
pub(crate) fn schema(
    openapi: &OpenApi,
    files: Files<'_>,
    place: &Place,
    keeps_built_in: bool,
) -> Result<Option<Arc<Schema>>, RenderError> {
    let wrong = |problem: String| RenderError::Step {
        place: place.clone(),
        step: "openapi",
        problem,
    };
    match (&openapi.path, openapi.version.as_deref().unwrap_or("")) {
        (Some(_), _) if openapi.version.is_some() => Err(wrong("has path and version; keep one".to_owned())),
        (Some(path), _) => {
            let (file, found) = files.load(path, "schema", place)?;
            let node = read::configuration(&file, found, Table::Kubectl)
                .map_err(|errors| wrong(errors.first().map_or_else(String::new, ToString::to_string)))?;
            let document = node.expose_json();
            let schema = if keeps_built_in {
                Schema::built_in().clone().with_openapi(&document)
            } else {
                Schema::from_openapi(&document)
            };
            let schema = schema.map_err(|problem| wrong(format!("{file}: {problem}")))?;
            Ok(Some(Arc::new(schema)))
        }
        (None, "") => Ok(None),
        (None, BUILT_IN) => Ok(Some(Arc::new(Schema::built_in().clone()))),
        (None, other) => Err(wrong(format!(
            "has version {other:?}, and kustomize has only {BUILT_IN} built in"
        ))),
    }
}
