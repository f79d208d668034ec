//! X-Wing: ML-KEM-768 and X25519 as one key encapsulation (draft-connolly-cfrg-xwing-kem, HPKE's KEM `0x647a`).
//! Only the side that opens.

use ml_kem::kem::{Decapsulate, DecapsulationKey};
use ml_kem::{B32, EncodedSizeUser, KemCore, MlKem768, MlKem768Params};
use sha3::digest::{ExtendableOutput, Update, XofReader};
use sha3::{Digest, Sha3_256, Shake256};
use x25519_dalek::{X25519_BASEPOINT_BYTES, x25519};
use zeroize::{Zeroize, Zeroizing};

/// Bytes of an ML-KEM-768 ciphertext.
const ML_KEM_CIPHERTEXT: usize = 1088;

/// Bytes of a point of X25519.
const POINT: usize = 32;

/// Ends the input of the combiner.
const LABEL: &[u8] = br"\.//^\";

/// What both sides know afterwards.
pub(super) type SharedSecret = Zeroizing<[u8; 32]>;

/// A private key, spread out from its seed.
pub(super) struct SecretKey {
    ml_kem: DecapsulationKey<MlKem768Params>,
    x25519: Zeroizing<[u8; POINT]>,
    x25519_public: [u8; POINT],
}

/// What the sender made: a ciphertext of ML-KEM and an ephemeral point.
pub(super) struct Ciphertext {
    ml_kem: [u8; ML_KEM_CIPHERTEXT],
    x25519: [u8; POINT],
}

impl SecretKey {
    /// The key of a seed of 32 bytes.
    pub(super) fn new(seed: &[u8]) -> Option<Self> {
        if seed.len() != 32 {
            return None;
        }
        let mut expanded = Shake256::default().chain(seed).finalize_xof();
        let [mut d, mut z] = [B32::default(), B32::default()];
        let mut x25519_secret = Zeroizing::new([0; POINT]);
        expanded.read(&mut d);
        expanded.read(&mut z);
        expanded.read(&mut *x25519_secret);
        let (ml_kem, _) = MlKem768::generate_deterministic(&d, &z);
        d.as_mut_slice().zeroize();
        z.as_mut_slice().zeroize();
        Some(Self {
            ml_kem,
            x25519_public: x25519(*x25519_secret, X25519_BASEPOINT_BYTES),
            x25519: x25519_secret,
        })
    }

    /// The public key: that of ML-KEM, then that of X25519.
    pub(super) fn public(&self) -> Vec<u8> {
        let mut public = self.ml_kem.encapsulation_key().as_bytes().to_vec();
        public.extend(self.x25519_public);
        public
    }

    /// The shared secret; `None` if the point has a low order and the result would not depend on the key.
    pub(super) fn decapsulate(&self, ciphertext: &Ciphertext) -> Option<SharedSecret> {
        let x25519_shared = Zeroizing::new(x25519(*self.x25519, ciphertext.x25519));
        if x25519_shared.iter().fold(0, |all, byte| all | byte) == 0 {
            return None;
        }
        let mut ml_kem_shared = self.ml_kem.decapsulate(&ciphertext.ml_kem.into()).ok()?;
        let shared = Sha3_256::new()
            .chain_update(ml_kem_shared)
            .chain_update(*x25519_shared)
            .chain_update(ciphertext.x25519)
            .chain_update(self.x25519_public)
            .chain_update(LABEL)
            .finalize();
        ml_kem_shared.as_mut_slice().zeroize();
        Some(Zeroizing::new(shared.into()))
    }
}

impl Ciphertext {
    /// Splits the bytes, if there are as many as there have to be.
    pub(super) fn new(bytes: &[u8]) -> Option<Self> {
        let (ml_kem, x25519) = bytes.split_at_checked(ML_KEM_CIPHERTEXT)?;
        Some(Self {
            ml_kem: ml_kem.try_into().ok()?,
            x25519: x25519.try_into().ok()?,
        })
    }
}

#[cfg(test)]
mod tests;
