//! What the API server was asked, from its own metrics.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::shell::output;
use crate::tools;

/// Requests so far by verb (`GET`, `APPLY`, `APPLY dry-run`, …).
pub(super) type Requests = BTreeMap<String, f64>;

/// What the servers themselves ask about, all the time or because of a Deployment; nothing of it is in the input.
const BACKGROUND: [&str; 11] = [
    "endpoints",
    "endpointslices",
    "events",
    "flowschemas",
    "ipaddresses",
    "prioritylevelconfigurations",
    "replicasets",
    "servicecidrs",
    "services",
    "serviceaccounts",
    "tokenreviews",
];

/// Reads `apiserver_request_total`. Watches of the controllers and what the servers ask in the background are left out.
pub(super) fn count(kubeconfig: &Path) -> anyhow::Result<Requests> {
    let mut kubectl = Command::new(tools::folder().join("kubectl"));
    kubectl
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .args(["get", "--raw", "/metrics"]);
    Ok(parse(&output(&mut kubectl)?))
}

/// What came between two readings.
pub(super) fn between(before: &Requests, after: &Requests) -> Requests {
    after
        .iter()
        .map(|(verb, count)| (verb.clone(), count - before.get(verb).unwrap_or(&0.0)))
        .filter(|(_, count)| *count > 0.0)
        .collect()
}

fn parse(metrics: &str) -> Requests {
    let mut requests = Requests::new();
    for line in metrics.lines() {
        let Some(labels) = line.strip_prefix("apiserver_request_total{") else {
            continue;
        };
        let label = |name: &str| {
            let rest = labels.split_once(&format!("{name}=\""))?.1;
            rest.split_once('"').map(|(value, _)| value)
        };
        let (verb, resource) = (
            label("verb").unwrap_or_default(),
            label("resource").unwrap_or_default(),
        );
        // The coordination leases of the servers are renewed under the group's name; the product has none there.
        let is_state = label(",subresource").unwrap_or_default() == "status";
        let background =
            BACKGROUND.contains(&resource) || resource == "leases" || verb == "WATCH" || is_state;
        let count = labels
            .rsplit(' ')
            .next()
            .and_then(|number| number.parse::<f64>().ok());
        if let (false, Some(count)) = (background || resource.is_empty(), count) {
            let dry_run = if label("dry_run").unwrap_or_default().is_empty() {
                ""
            } else {
                " dry-run"
            };
            *requests.entry(format!("{verb}{dry_run}")).or_default() += count;
        }
    }
    requests
}

#[cfg(test)]
mod tests {
    use super::{between, parse};

    #[test]
    fn requests_are_counted_by_verb() {
        let before =
            "apiserver_request_total{code=\"200\",dry_run=\"\",resource=\"secrets\",verb=\"GET\"} 3\n";
        let after = "# TYPE apiserver_request_total counter\n\
            apiserver_request_total{code=\"200\",dry_run=\"\",resource=\"secrets\",verb=\"GET\"} 5\n\
            apiserver_request_total{code=\"404\",dry_run=\"\",resource=\"secrets\",verb=\"GET\"} 1\n\
            apiserver_request_total{code=\"200\",dry_run=\"All\",resource=\"secrets\",verb=\"APPLY\"} 1e+03\n\
            apiserver_request_total{code=\"200\",dry_run=\"\",resource=\"leases\",verb=\"PUT\"} 9\n\
            apiserver_request_total{code=\"200\",dry_run=\"\",resource=\"deployments\",subresource=\"status\",verb=\"PUT\"} 9\n\
            apiserver_request_total{code=\"0\",dry_run=\"\",resource=\"secrets\",verb=\"WATCH\"} 9\n";
        let requests = between(&parse(before), &parse(after));
        let lines: Vec<_> = requests
            .iter()
            .map(|(verb, count)| format!("{verb} {count}"))
            .collect();
        assert_eq!(lines, ["APPLY dry-run 1000", "GET 3"]);
    }
}
