//! Exit codes, which scripts may rely on.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Everything was done.
    Success = 0,
    /// Something outside the stages failed: output, a local file, the runtime.
    Failure = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The source could not be fetched. Nothing was written to the cluster.
    Source = 10,
    /// The build is wrong: kustomization, manifests. Nothing was written.
    Render = 11,
    /// Something could not be opened, or its integrity is broken, or it would end where it must not. Nothing was written.
    Decrypt = 12,
    /// An object is wrong in a way that the API server would refuse. Nothing was written.
    Normalize = 13,
    /// The cluster could not be reached, or refused an object before the first write. Nothing was written.
    Plan = 14,
    /// The cluster refused or failed after the first write. What was done is printed; pruning comes last.
    Apply = 15,
    /// Another run holds the inventory. Nothing was written.
    Locked = 16,
    /// `decrypt` was told a kind of key twice, as sops has it (`codes.DuplicateDecryptionKeyType`).
    DuplicateKeyKind = 112,
    /// Interrupted by a signal.
    Interrupted = 130,
}

impl Exit {
    /// Every code with what it means, for the help text.
    pub(crate) const TABLE: &str = "\
Exit codes:
    0  everything was done
    1  something outside the stages failed (output, a local file)
    2  the command line is wrong
   10  the source could not be fetched; nothing was written to the cluster
   11  a kustomization or manifest is wrong; nothing was written
   12  something could not be opened, its integrity is broken, or it would end where it must not; nothing was written
   13  an object is wrong in a way the API server would refuse; nothing was written
   14  the cluster could not be reached or refused an object before the first write; nothing was written
   15  the cluster failed after the first write; what was done is printed, and nothing is pruned before all is written
   16  another run holds the inventory; nothing was written
  101  a bug in afterbay; what is in the cluster is unknown, run it again to converge
  112  `decrypt --decryption-order` has a kind twice
  130  interrupted";
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
