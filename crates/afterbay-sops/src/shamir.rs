//! Shamir's secret sharing as SOPS's key groups have it: HashiCorp's layout (`shamir/shamir.go`), over `GF(2^8)`
//! with the polynomial of AES. A share is one byte for each byte of the secret, then its x coordinate.

use zeroize::Zeroizing;

/// Why shares do not make a secret. Holds nothing of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SharesProblem {
    /// Fewer than two.
    #[error("two shares at least are needed")]
    TooFew,
    /// One is too short to be a share, or they are of different lengths.
    #[error("the shares have different lengths")]
    Lengths,
    /// Two have the same x coordinate.
    #[error("two of the shares are the same one")]
    Repeated,
    /// One has the x coordinate of the secret itself, which a share never has.
    #[error("a share is damaged")]
    Damaged,
}

/// The secret that all of the shares together make. That they belong together cannot be seen here.
pub(crate) fn combine(shares: &[&[u8]]) -> Result<Zeroizing<Vec<u8>>, SharesProblem> {
    let [first, second, ..] = shares else {
        return Err(SharesProblem::TooFew);
    };
    if first.len() < 2 || shares.iter().any(|share| share.len() != second.len()) {
        return Err(SharesProblem::Lengths);
    }
    let points: Vec<(u8, &[u8])> = shares
        .iter()
        .filter_map(|share| share.split_last().map(|(x, values)| (*x, values)))
        .collect();
    for (index, (x, _)) in points.iter().enumerate() {
        if points[..index].iter().any(|(other, _)| other == x) {
            return Err(SharesProblem::Repeated);
        }
        if *x == 0 {
            return Err(SharesProblem::Damaged);
        }
    }
    let mut secret = Zeroizing::new(vec![0; first.len() - 1]);
    for (index, (x, values)) in points.iter().enumerate() {
        let weight = points
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != index)
            .fold(1, |weight, (_, (other, _))| {
                multiply(weight, multiply(*other, inverse(x ^ other)))
            });
        for (byte, value) in secret.iter_mut().zip(*values) {
            *byte ^= multiply(weight, *value);
        }
    }
    Ok(secret)
}

/// The product in `GF(2^8)`, in a time that does not depend on the factors.
fn multiply(a: u8, b: u8) -> u8 {
    /// x^8 + x^4 + x^3 + x + 1 without its highest term.
    const POLYNOMIAL: u8 = 0x1b;
    let (mut product, mut shifted) = (0, a);
    for bit in 0..8 {
        product ^= shifted & ((b >> bit) & 1).wrapping_neg();
        shifted = (shifted << 1) ^ (POLYNOMIAL & (shifted >> 7).wrapping_neg());
    }
    product
}

/// The inverse: the 254th power; 0 of 0.
fn inverse(a: u8) -> u8 {
    // 254 is 0b1111_1110.
    let mut square = a;
    let mut power = 1;
    for _ in 0..7 {
        square = multiply(square, square);
        power = multiply(power, square);
    }
    power
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn multiplies_as_aes_does() {
        // FIPS 197, section 4.2.
        assert_eq!(multiply(0x57, 0x83), 0xc1);
        assert_eq!(multiply(0x57, 0x13), 0xfe);
        for a in 1..=255 {
            assert_eq!(multiply(a, inverse(a)), 1, "{a}");
        }
    }

    #[test]
    fn refuses_what_are_no_shares() {
        assert_eq!(combine(&[]), Err(SharesProblem::TooFew));
        assert_eq!(combine(&[&[1, 2, 3]]), Err(SharesProblem::TooFew));
        assert_eq!(combine(&[&[1], &[2]]), Err(SharesProblem::Lengths));
        assert_eq!(combine(&[&[1, 2, 3], &[2, 3]]), Err(SharesProblem::Lengths));
        assert_eq!(combine(&[&[1, 2, 7], &[2, 3, 7]]), Err(SharesProblem::Repeated));
        assert_eq!(combine(&[&[1, 2, 7], &[2, 3, 0]]), Err(SharesProblem::Damaged));
    }

    /// The value of a polynomial with these coefficients, the constant first.
    fn evaluate(coefficients: impl DoubleEndedIterator<Item = u8>, x: u8) -> u8 {
        coefficients
            .rev()
            .fold(0, |sum, coefficient| multiply(sum, x) ^ coefficient)
    }

    proptest! {
        #[test]
        fn any_set_of_enough_shares_makes_the_secret(
            secret in prop::collection::vec(any::<u8>(), 1..40),
            coefficients in prop::collection::vec(any::<u8>(), 80),
            xs in prop::sample::subsequence((1..=255_u8).collect::<Vec<_>>(), 3..9).prop_shuffle(),
        ) {
            let share = |x: u8| -> Vec<u8> {
                let values = secret.iter().enumerate().map(|(at, byte)| {
                    evaluate([*byte, coefficients[2 * at], coefficients[2 * at + 1]].into_iter(), x)
                });
                values.chain([x]).collect()
            };
            let shares: Vec<Vec<u8>> = xs.into_iter().map(share).collect();
            let shares: Vec<&[u8]> = shares.iter().map(Vec::as_slice).collect();
            let combined = combine(&shares).unwrap();
            prop_assert_eq!(combined.as_slice(), secret.as_slice());
        }
    }
}
