//! What is tried again: throttling and 5xx, nothing else.

use aws_sdk_kms::config::interceptors::InterceptorContext;
use aws_sdk_kms::config::retry::{ClassifyRetry, RetryAction};

/// Vetoes the SDK's retries of connections that fail and of answers that do not come. A service that is
/// not there is better named at once than after half a minute, and what breaks inside a connection that
/// was kept open, the HTTP client repeats by itself.
#[derive(Debug)]
pub(crate) struct AnswersOnly;

impl ClassifyRetry for AnswersOnly {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match context.output_or_error() {
            Some(Err(error)) if error.is_connector_error() || error.is_timeout_error() => {
                RetryAction::RetryForbidden
            }
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "answers only"
    }
}
