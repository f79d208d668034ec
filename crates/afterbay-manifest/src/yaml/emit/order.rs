//! The order of keys in which go-yaml writes a map: numbers inside of keys count as numbers, and what is no letter comes
//! before letters.

use std::cmp::Ordering;

/// Sorts by a text of each item.
///
/// Go's comparison is no total order (and so kustomize prints some maps in another order each time); the sorting functions
/// of the standard library may panic on one, and merging does not mind.
pub(super) fn sort<T>(mut items: Vec<T>, key: &impl Fn(&T) -> &str) -> Vec<T> {
    if items.len() < 2 {
        return items;
    }
    let right = items.split_off(items.len() / 2);
    let (left, right) = (sort(items, key), sort(right, key));
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some(one), Some(other)) = (left.peek(), right.peek()) {
        let next = if compare(key(other), key(one)) == Ordering::Less {
            right.next()
        } else {
            left.next()
        };
        merged.extend(next);
    }
    merged.extend(left);
    merged.extend(right);
    merged
}

/// Compares two keys at the first character that differs.
pub(super) fn compare(left: &str, right: &str) -> Ordering {
    let same = left
        .char_indices()
        .zip(right.chars())
        .find(|((_, one), other)| one != other)
        .map(|((at, one), other)| (at, one, other));
    let Some((at, one, other)) = same else {
        return left.len().cmp(&right.len());
    };
    match (one.is_alphabetic(), other.is_alphabetic()) {
        (true, true) => one.cmp(&other),
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => {
            // A zero inside of a number is not a leading one.
            let inside = (one == '0' || other == '0') && ends_with_number(&left[..at]);
            let start = i64::from(inside);
            let (one_value, one_length) = number(start, &left[at..]);
            let (other_value, other_length) = number(start, &right[at..]);
            one_value
                .cmp(&other_value)
                .then(one_length.cmp(&other_length))
                .then(one.cmp(&other))
        }
    }
}

/// Whether the digits at the end of a text, if any, are more than zeros.
fn ends_with_number(text: &str) -> bool {
    let digits = text.bytes().rev().take_while(u8::is_ascii_digit);
    digits.into_iter().any(|digit| digit != b'0')
}

/// The number at the start of a text and how many digits it has; it overflows as Go's does.
fn number(start: i64, text: &str) -> (i64, usize) {
    text.bytes()
        .take_while(u8::is_ascii_digit)
        .fold((start, 0), |(value, length), digit| {
            (
                value.wrapping_mul(10).wrapping_add(i64::from(digit - b'0')),
                length + 1,
            )
        })
}

#[cfg(test)]
mod tests {
    use super::sort;

    #[test]
    fn numbers_in_keys_count_as_numbers() {
        let keys = [
            "b", "a10", "a9", "A", "_", "a-1", "a1", "a01", "10", "9", "a", "é", "a100", "a2b", "a2", "Z",
            "", "a.b", "a/b",
        ];
        let sorted = sort(keys.to_vec(), &|key| key);
        assert_eq!(
            sorted,
            [
                "", "_", "9", "10", "A", "Z", "a", "a-1", "a.b", "a/b", "a1", "a01", "a2", "a2b", "a9",
                "a10", "a100", "b", "é"
            ]
        );
    }
}
