//! What a trip through Go's untyped JSON leaves of an object: kustomize takes it after JSON6902, Flux after substitution.

use afterbay_manifest::{Node, Scalar, Value};

/// Makes of an object what comes back: numbers are 64-bit floats, and scalars are spelled as YAML has them by default.
pub(crate) fn through_json(node: &mut Node) {
    round(node);
    node.spell_as_yaml();
    node.spell_integers_as_floats();
}

/// Makes 64-bit floats of integers that have none of their own.
fn round(node: &mut Node) {
    match &mut node.value {
        Value::Scalar(scalar) => {
            if let Some(rounded) = rounded(scalar) {
                *scalar = Scalar::Float(rounded);
            }
        }
        Value::Sequence(items) => items.iter_mut().for_each(round),
        Value::Mapping(entries) => entries.values_mut().for_each(round),
    }
}

#[expect(clippy::cast_precision_loss, reason = "that is the loss the tools have")]
#[expect(
    clippy::cast_possible_truncation,
    reason = "a float that came from an integer"
)]
fn rounded(scalar: &Scalar) -> Option<f64> {
    match scalar {
        Scalar::Int(value) => Some(*value as f64).filter(|float| *float as i128 != i128::from(*value)),
        Scalar::Uint(value) => Some(*value as f64).filter(|float| *float as i128 != i128::from(*value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use afterbay_manifest::{Node, Scalar, Value};

    use super::through_json;

    #[test]
    fn integers_that_no_float_has_are_rounded() {
        for (before, after) in [
            (
                Scalar::Int(9_007_199_254_740_993),
                Scalar::Float(9_007_199_254_740_992.0),
            ),
            (Scalar::Int(i64::MAX), Scalar::Float(9_223_372_036_854_775_808.0)),
            (
                Scalar::Uint(u64::MAX),
                Scalar::Float(18_446_744_073_709_551_616.0),
            ),
            (
                Scalar::Int(9_007_199_254_740_992),
                Scalar::Int(9_007_199_254_740_992),
            ),
            (Scalar::Int(-5), Scalar::Int(-5)),
        ] {
            let mut node = Node::plain(vec![Node::plain(before)]);
            through_json(&mut node);
            assert!(node.as_sequence().unwrap()[0].value == Value::Scalar(after));
        }
    }
}
