//! What [`crate::IntegrityPolicy::Strict`] refuses in a file as a whole.

use afterbay_manifest::yaml::{Document, Element};
use afterbay_manifest::{KeyPath, Place, Segment};

use super::SealedFile;
use crate::error::ErrorList;
use crate::integrity::{self, Found};
use crate::metadata;
use crate::token::has_tail;
use crate::{Format, SopsError, SopsErrors, StrictFinding};

impl SealedFile {
    /// Whatever is not as SOPS writes it and shows without opening anything.
    pub(super) fn findings(&self) -> Vec<Found> {
        let mut found = self.found.clone();
        self.block
            .iter()
            .for_each(|block| integrity::in_block(block, &mut found));
        for document in &self.documents {
            integrity::repeated_keys(document, &mut found);
            if self.format == Format::Binary {
                integrity::beside_data(document, &mut found);
            }
            if self.block.is_none() {
                metadata::blocks(document)
                    .filter(|block| metadata::is_metadata(block))
                    .for_each(|block| integrity::in_block(block, &mut found));
            }
        }
        for part in self.parts.iter().filter(|part| has_tail(&part.metadata.mac)) {
            found.push(Found {
                position: part.metadata.mac_position,
                path: KeyPath::root(),
                finding: StrictFinding::TextBehindToken,
            });
        }
        found
    }

    /// Refuses what was found before anything was opened, and on the way.
    pub(super) fn refuse(&self, mut found: Vec<Found>, more: &[Found]) -> Result<(), SopsErrors> {
        found.extend_from_slice(more);
        found.sort_by_key(|found| found.position);
        found.dedup_by_key(|found| (found.position, found.finding));
        let mut errors = ErrorList::new(&self.file);
        for Found {
            position,
            path,
            finding,
        } in found
        {
            let place = Place::new(self.file.clone(), position);
            errors.push(SopsError::NotStrict { place, path, finding });
        }
        errors.finish(())
    }
}

/// The `sops` entries of later documents that are not the one of the first.
pub(super) fn other_blocks(documents: &[Document]) -> Vec<Found> {
    let Some((first, later)) = documents.split_first() else {
        return Vec::new();
    };
    let first = metadata::blocks(first).next();
    let differs = |block: &&Element| !first.is_some_and(|first| integrity::is_same(first, block));
    let mut path = KeyPath::root();
    path.push(Segment::Key(metadata::BLOCK.into()));
    let others = later.iter().flat_map(metadata::blocks).filter(differs);
    others
        .map(|block| Found {
            position: block.position,
            path: path.clone(),
            finding: StrictFinding::OtherBlock,
        })
        .collect()
}
