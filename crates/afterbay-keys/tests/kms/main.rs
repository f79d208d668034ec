//! AWS KMS against a strict fake on loopback: what is sent, how often, and what the failures say.

#[cfg(test)]
mod access;
#[cfg(test)]
mod answers;
#[cfg(test)]
mod environment;
#[cfg(test)]
mod ring;
#[cfg(test)]
mod setup;
#[cfg(test)]
mod sources;
