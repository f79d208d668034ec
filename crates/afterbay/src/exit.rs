//! Exit codes, which scripts may rely on.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Everything was done.
    Success = 0,
    /// Something outside the stages failed: output, a local file, the runtime. Of `plan` and `diff`: there are changes.
    Failure = 1,
    /// The command line is wrong. Of `plan` and `diff`: anything is.
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
    /// `apply --mode report`: the cluster is not as the revision says. Nothing was written.
    Drift = 17,
    /// Everything was applied, and what `--wait` or `--health-check` asks for is not healthy.
    Health = 18,
    /// `decrypt FILE`: the store that is asked for cannot hold it (`codes.ErrorDumpingTree`).
    SopsStore = 4,
    /// `decrypt FILE`: a value cannot be opened (`codes.ErrorDecryptingTree`).
    SopsTree = 25,
    /// `decrypt FILE`: the MAC is missing or does not hold (`codes.MacMismatch`).
    SopsMac = 51,
    /// `decrypt FILE`: `--extract` is no path (`codes.InvalidTreePathFormat`).
    SopsExtractPath = 91,
    /// `decrypt FILE`: there is no such file (`codes.NoFileSpecified`).
    SopsNoFile = 100,
    /// `decrypt FILE`: no key opens it (`codes.CouldNotRetrieveKey`).
    SopsDataKey = 128,
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
   17  with `--mode report`: the cluster is not as the revision says; nothing was written
   18  everything was applied, and something that was waited for has failed or was not healthy in time
  101  a bug in afterbay; what is in the cluster is unknown, run it again to converge
  130  interrupted

Exit codes of `plan` and `diff`, which are those of `kubectl diff`; neither writes anything:
    0  nothing to do
    1  there are changes
    2  an error

Exit codes of `decrypt FILE`, which are those of `sops decrypt`:
    1  it has no sops metadata, or is not what its store takes
    2  it cannot be read, or the command line is wrong
    4  the store that is asked for cannot hold it
   25  a value cannot be opened
   51  the MAC is missing or does not hold
   91  `--extract` is no path
  100  there is no such file
  112  `--decryption-order` has a kind twice
  128  no key opens it";

    /// The codes of `plan` and `diff`, for their help texts.
    pub(crate) const OF_COMPARISONS: &str = "\
Exit codes:
    0  nothing to do
    1  there are changes
    2  an error
  130  interrupted";
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
