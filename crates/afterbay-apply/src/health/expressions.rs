//! Health as CEL expressions say it: Flux's `spec.healthCheckExprs`, with the semantics of its RFC 0009.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::thread;

use afterbay_manifest::Gvk;
use cel::objects::{Key, Map};
use cel::{Context, Env, ExecutionError, Program};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use super::fields::nested_int;
use super::{Health, HealthStatus};

/// Longest expression, in bytes; most operators in it, and deepest nesting. The parser and the interpreter recurse.
const LONGEST: usize = 4096;
const MOST: usize = 256;
const DEEPEST: usize = 32;
const STACK: usize = 64 << 20;

/// Functions that expressions may call, beside operators: those of the language and of its string extension.
const FUNCTIONS: [&str; 43] = [
    "all",
    "bool",
    "bytes",
    "charAt",
    "contains",
    "double",
    "dyn",
    "endsWith",
    "exists",
    "exists_one",
    "filter",
    "format",
    "has",
    "hasValue",
    "indexOf",
    "int",
    "join",
    "lastIndexOf",
    "lowerAscii",
    "map",
    "matches",
    "max",
    "min",
    "none",
    "of",
    "ofNonZeroValue",
    "optFlatMap",
    "optMap",
    "or",
    "orValue",
    "quote",
    "replace",
    "reverse",
    "size",
    "split",
    "startsWith",
    "string",
    "substring",
    "trim",
    "type",
    "uint",
    "upperAscii",
    "value",
];

/// Libraries of Flux's interpreter that this one does not have.
const MISSING_LIBRARIES: [&str; 3] = ["sets", "base64", "math"];

/// One entry of `spec.healthCheckExprs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HealthCheckExpr {
    /// Whose group counts; the version does not.
    pub api_version: String,
    /// The kind; without one, all kinds of the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// True when the object is as it should be.
    pub current: String,
    /// True while it is on its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_progress: Option<String>,
    /// True when it has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// Why expressions cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("health check expressions of {of}: {problem}")]
pub struct ExpressionError {
    /// The kind, as `apiVersion` and kind.
    pub of: String,
    /// What is wrong, and where.
    pub problem: String,
}

/// Expressions by group and kind.
#[derive(Clone, Default)]
pub struct HealthExpressions(BTreeMap<(String, Option<String>), Arc<Rules>>);

impl fmt::Debug for HealthExpressions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The expressions of one kind.
pub(crate) struct Rules {
    /// In the order of evaluation; the first that is true decides.
    programs: Vec<(HealthStatus, &'static str, Program)>,
    env: Arc<Env>,
}

impl HealthExpressions {
    /// Reads the expressions; two for the same kind are an error, and so is a function that is not known.
    pub fn compile(entries: &[HealthCheckExpr]) -> Result<Self, ExpressionError> {
        let mut rules = BTreeMap::new();
        for entry in entries {
            let kind = entry.kind.clone().filter(|kind| !kind.is_empty());
            let fail = |problem: String| ExpressionError {
                of: [entry.api_version.clone(), kind.clone().unwrap_or_default()]
                    .join(" ")
                    .trim_end()
                    .to_owned(),
                problem,
            };
            let group = Gvk::new(&entry.api_version, "").group;
            let compiled = Rules::compile(entry).map_err(&fail)?;
            if rules.insert((group, kind.clone()), Arc::new(compiled)).is_some() {
                return Err(fail("the kind has expressions already".to_owned()));
            }
        }
        Ok(Self(rules))
    }

    /// The rules of a kind: its own, or those of its group.
    pub(super) fn of(&self, gvk: &Gvk) -> Option<&Rules> {
        let own = (gvk.group.clone(), Some(gvk.kind.clone()));
        let rules = self.0.get(&own).or_else(|| self.0.get(&(own.0, None)))?;
        Some(rules)
    }
}

impl Rules {
    fn compile(entry: &HealthCheckExpr) -> Result<Self, String> {
        let mut env = Env::stdlib();
        env.add_extension(cel::extensions::strings)
            .map_err(|error| error.to_string())?;
        let texts = [
            (
                HealthStatus::InProgress,
                "inProgress",
                entry.in_progress.as_deref(),
            ),
            (HealthStatus::Failed, "failed", entry.failed.as_deref()),
            (HealthStatus::Current, "current", Some(entry.current.as_str())),
        ];
        let mut programs = Vec::new();
        for (status, name, text) in texts {
            let text = text.unwrap_or_default();
            if text.is_empty() && name != "current" {
                continue;
            }
            let program = on_a_deep_stack(|| program(&env, text))
                .unwrap_or_else(|| Err("it cannot be parsed".to_owned()));
            let program = program.map_err(|problem| format!("{name}: {problem}"))?;
            programs.push((status, name, program));
        }
        let env = Arc::new(env);
        Ok(Self { programs, env })
    }

    /// Judges a live object. An expression that cannot be evaluated leaves the status unknown.
    pub(super) fn judge(&self, object: &Value) -> Health {
        let generation = |field: &[&str]| nested_int(object, field).ok().flatten();
        if let Some(observed) = generation(&["status", "observedGeneration"])
            && let Some(generation) = generation(&["metadata", "generation"])
            && observed != generation
        {
            return Health::in_progress(format!(
                "generation is {generation}, but latest observed generation is {observed}"
            ));
        }
        on_a_deep_stack(|| self.evaluate(object))
            .unwrap_or_else(|| Health::unknown("the expressions cannot be evaluated"))
    }

    fn evaluate(&self, object: &Value) -> Health {
        let mut context = Context::with_env(Arc::clone(&self.env));
        for (name, value) in object.as_object().into_iter().flatten() {
            context.add_variable_from_value(name.clone(), to_cel(value));
        }
        for (status, name, program) in &self.programs {
            match program.execute(&context) {
                Ok(cel::Value::Bool(true)) => {
                    return Health::new(*status, format!("expression `{name}` is true"));
                }
                Ok(cel::Value::Bool(false)) => {}
                Ok(_) => return Health::unknown(format!("expression `{name}` is neither true nor false")),
                Err(error) => {
                    let why = told(&error);
                    return Health::unknown(format!("expression `{name}` cannot be evaluated: {why}"));
                }
            }
        }
        Health::in_progress("no expression is true")
    }
}

fn program(env: &Env, text: &str) -> Result<Program, String> {
    if text.is_empty() {
        return Err("there is none".to_owned());
    }
    if text.len() > LONGEST || operators(text) > MOST || nesting(text) > DEEPEST {
        return Err(format!(
            "it is longer than {LONGEST} bytes, has more than {MOST} operators or is nested deeper than {DEEPEST} levels"
        ));
    }
    let program = env
        .compile(text)
        .map_err(|errors| errors.to_string().replace('\n', " "))?;
    let references = program.references();
    let is_known =
        |name: &str| FUNCTIONS.contains(&name) || !name.starts_with(|first: char| first.is_alphabetic());
    let library = references
        .variables()
        .into_iter()
        .find(|name| MISSING_LIBRARIES.contains(name));
    let function = references.functions().into_iter().find(|name| !is_known(name));
    if let Some(name) = library.or(function) {
        return Err(format!("there is no function {name:?}"));
    }
    drop(references);
    Ok(program)
}

/// Does it on a stack of its own, because parser and interpreter take up to 200 KiB of it for one level (unoptimized, cel
/// 0.15); `None` where that cannot be.
fn on_a_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    thread::scope(|scope| {
        let worker = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        worker.ok()?.join().ok()
    })
}

/// How many operators there are at most; texts are looked into as well, which errs on the safe side.
fn operators(text: &str) -> usize {
    let is_operator = |character: &char| "+-*/%!.?:&|<>=[".contains(*character);
    text.chars().filter(is_operator).count()
}

/// How deep brackets nest at most.
fn nesting(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for character in text.chars() {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// Numbers as Kubernetes reads them: whole ones are signed.
fn to_cel(value: &Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(bool) => cel::Value::Bool(*bool),
        Value::Number(number) => match number.as_i64() {
            Some(number) => cel::Value::Int(number),
            None => cel::Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => cel::Value::String(Arc::new(text.clone())),
        Value::Array(items) => cel::Value::List(Arc::new(items.iter().map(to_cel).collect())),
        Value::Object(fields) => {
            let entry =
                |(name, value): (&String, &Value)| (Key::String(Arc::new(name.clone())), to_cel(value));
            let map: HashMap<Key, cel::Value> = fields.iter().map(entry).collect();
            cel::Value::Map(Map { map: Arc::new(map) })
        }
    }
}

/// The kind of error. The interpreter's own text repeats values of the object.
fn told(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(name) => format!("no such key: {name}"),
        ExecutionError::UndeclaredReference(name) => format!("there is no {name}"),
        ExecutionError::NoSuchOverload(error) => error.to_string(),
        ExecutionError::IndexOutOfBounds(_) => "an index is out of bounds".to_owned(),
        _ => "a value has another type than the expression expects".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn expressions(current: &str) -> Result<HealthExpressions, ExpressionError> {
        HealthExpressions::compile(&[HealthCheckExpr {
            api_version: "example.com/v1".to_owned(),
            kind: None,
            current: current.to_owned(),
            in_progress: None,
            failed: None,
        }])
    }

    #[test]
    fn what_cannot_work_is_refused_before_anything_is_waited_for() {
        let problem = |text: &str| expressions(text).err().map(|error| error.to_string());
        let nested = format!("{}1", "(".repeat(40));
        for (text, says) in [
            ("", "example.com/v1: current: there is none"),
            ("status.phase == ", "current: ERROR: <input>:1:"),
            (
                "duration('1s') == status.age",
                "there is no function \"duration\"",
            ),
            (
                "sets.contains(status.a, status.b)",
                "there is no function \"sets\"",
            ),
            (&nested, "nested deeper"),
        ] {
            let problem = problem(text).unwrap();
            assert!(problem.contains(says), "{problem}");
        }
        for fine in [
            "status.conditions.filter(e, e.type == 'Ready').all(e, e.status == 'True')",
            "has(status.phase) && status.phase.lowerAscii() in ['done', 'ok']",
            "status.?phase.orValue('') == 'Done'",
        ] {
            assert_eq!(problem(fine), None);
        }
    }

    /// The tree grows with every operator and bracket; as many as there may be still fit a small stack.
    #[test]
    fn the_deepest_expression_fits_the_stack() {
        let nested = format!("{}1{}", "(1+".repeat(DEEPEST), ")".repeat(DEEPEST));
        let lists = format!("{}1{}", "[".repeat(DEEPEST), "]".repeat(DEEPEST));
        for text in [
            format!("1{}", "+1".repeat(MOST)),
            format!("{}true", "!".repeat(MOST)),
            format!("{}1", "-".repeat(MOST)),
            format!("status{}", ".a".repeat(MOST)),
            format!("true{}", "&&true".repeat(MOST / 2)),
            nested,
            lists,
        ] {
            let judged = std::thread::Builder::new()
                .stack_size(2 << 20)
                .spawn(move || judge(&expressions(&text).unwrap()))
                .unwrap()
                .join();
            judged.unwrap();
        }
        assert!(expressions(&format!("1{}", "+1".repeat(MOST + 1))).is_err());
    }

    fn judge(rules: &HealthExpressions) -> HealthStatus {
        let gvk = Gvk::new("example.com/v1", "Widget");
        rules.of(&gvk).unwrap().judge(&json!({ "status": {} })).status
    }

    #[test]
    fn a_value_is_not_told() {
        let rules = expressions("status.password > 1").unwrap();
        let gvk = Gvk::new("example.com/v1", "Widget");
        let health = rules
            .of(&gvk)
            .unwrap()
            .judge(&json!({ "status": { "password": "hunter2hunter2" } }));
        let said = health.message.said(&afterbay_manifest::Scrubber::default());
        insta::assert_snapshot!(said, @"expression `current` cannot be evaluated: found no matching overload for '_>_' applied to '(string, int)'");
    }

    #[test]
    fn a_kind_goes_before_its_group_and_twice_is_an_error() {
        let entry = |kind: Option<&str>, current: &str| HealthCheckExpr {
            api_version: "example.com/v1".to_owned(),
            kind: kind.map(str::to_owned),
            current: current.to_owned(),
            in_progress: None,
            failed: None,
        };
        let rules =
            HealthExpressions::compile(&[entry(Some("Widget"), "true"), entry(None, "false")]).unwrap();
        let status = |kind: &str| {
            let gvk = Gvk::new("example.com/v2", kind);
            rules.of(&gvk).unwrap().judge(&json!({})).status
        };
        assert_eq!(status("Widget"), HealthStatus::Current);
        assert_eq!(status("Gadget"), HealthStatus::InProgress);
        assert!(rules.of(&Gvk::new("v1", "Secret")).is_none());
        let twice = HealthExpressions::compile(&[entry(None, "true"), entry(None, "false")]);
        assert!(twice.is_err());
    }
}
