//! Google Cloud KMS, Azure Key Vault and Vault against strict fakes on loopback: what is sent, to whom, how
//! often, and what the failures say.

#[cfg(test)]
mod azure;
#[cfg(test)]
mod explicit;
#[cfg(test)]
mod gcp;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod setup;
#[cfg(test)]
mod vault;
