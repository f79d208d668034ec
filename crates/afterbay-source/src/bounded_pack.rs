//! A pack on its way from the server to the library, checked before the library inflates or keeps any of it.
//!
//! Every entry of a pack says how large it is before its bytes come, and a delta says in its first bytes how large
//! what it makes is (gitformat-pack(5)). Both are counted against the limits when they are read, so what is too much
//! is refused at its header. An entry that inflates to more than it said is refused as soon as it does.

use std::io::{self, BufRead, Read};
use std::sync::Arc;

use gix::zlib::{Decompress, FlushDecompress, Status};

use crate::error::SourceError;
use crate::read;
use crate::session::Session;

/// `PACK`, the version and the count of objects.
const HEAD: usize = 12;

/// The types of an entry that are deltas.
const OFFSET_DELTA: u8 = 6;
const REFERENCE_DELTA: u8 = 7;

/// The bytes of a SHA-1 object id.
const ID: usize = 20;

/// The most bytes of a size in 64 bits, seven to a byte.
const MOST_SIZE_BYTES: usize = 10;

/// How much is inflated at a time, to be counted and forgotten.
const SCRATCH: usize = 16 * 1024;

/// Reads a pack for the library, and fails before it exceeds a limit.
pub(crate) struct BoundedPack<R> {
    inner: R,
    session: Arc<Session>,
    scan: Scan,
    /// How much of the reader's buffer has been looked at.
    seen: usize,
}

impl<R: BufRead> BoundedPack<R> {
    pub(crate) fn new(inner: R, session: &Arc<Session>) -> Self {
        Self {
            inner,
            session: Arc::clone(session),
            scan: Scan::new(Bounds {
                object: u64::try_from(read::allocation_limit(session)).unwrap_or(u64::MAX),
                total: session.limits.inflated_bytes,
            }),
            seen: 0,
        }
    }
}

impl<R: BufRead> BufRead for BoundedPack<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let buffer = self.inner.fill_buf()?;
        if let Some(new) = buffer.get(self.seen..) {
            self.scan.feed(new).map_err(|refusal| {
                self.session.fail(refusal.explain(&self.session));
                io::Error::other("the pack is refused")
            })?;
            self.seen = buffer.len();
        }
        Ok(buffer)
    }

    fn consume(&mut self, amount: usize) {
        self.seen = self.seen.saturating_sub(amount);
        self.inner.consume(amount);
    }
}

impl<R: BufRead> Read for BoundedPack<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let amount = self.fill_buf()?.read(buffer)?;
        self.consume(amount);
        Ok(amount)
    }
}

/// The most bytes that are accepted.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// One object, inflated.
    object: u64,
    /// All entries inflated, and all that deltas make.
    total: u64,
}

/// Why a pack is not read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    ObjectTooLarge,
    TooMuch,
    Broken(&'static str),
}

impl Refusal {
    fn explain(self, session: &Session) -> SourceError {
        let remote = session.remote.clone();
        match self {
            Self::ObjectTooLarge => SourceError::ObjectTooLarge {
                remote,
                limit: read::allocation_limit(session),
            },
            Self::TooMuch => SourceError::InflatedTooMuch {
                remote,
                limit: session.limits.inflated_bytes,
            },
            Self::Broken(reason) => SourceError::Protocol {
                remote,
                reason: format!("the pack is broken: {reason}"),
            },
        }
    }
}

/// Where in a pack the next byte stands.
enum State {
    Head(Vec<u8>),
    /// The type of an entry and the size it inflates to.
    Size {
        kind: Option<u8>,
        size: u64,
        shift: u32,
    },
    /// How far back the base of a delta is.
    Distance,
    /// The rest of the id of a delta's base.
    Base(usize),
    Data,
    /// After the last entry: the checksum, which is the library's business.
    End,
}

impl State {
    const ENTRY: Self = Self::Size {
        kind: None,
        size: 0,
        shift: 0,
    };
}

/// Follows a pack through its entries.
struct Scan {
    bounds: Bounds,
    state: State,
    entries_left: u32,
    total: u64,
    /// What the entry at hand says it inflates to.
    size: u64,
    /// The first bytes of a delta, until they tell what it makes.
    delta: Option<Vec<u8>>,
    inflate: Decompress,
    scratch: Box<[u8]>,
}

impl Scan {
    fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            state: State::Head(Vec::with_capacity(HEAD)),
            entries_left: 0,
            total: 0,
            size: 0,
            delta: None,
            inflate: Decompress::new(),
            scratch: vec![0; SCRATCH].into(),
        }
    }

    /// Looks at the next bytes.
    fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Refusal> {
        while let Some(first) = bytes.first() {
            let used = match &mut self.state {
                State::End => return Ok(()),
                State::Data => self.data(bytes)?,
                State::Head(head) => {
                    head.push(*first);
                    if let Ok(head) = <[u8; HEAD]>::try_from(head.as_slice()) {
                        self.head(head)?;
                    }
                    1
                }
                State::Size { .. } => {
                    self.size(*first)?;
                    1
                }
                State::Distance => {
                    if first & 0x80 == 0 {
                        self.state = State::Data;
                    }
                    1
                }
                State::Base(left) => {
                    *left -= 1;
                    if *left == 0 {
                        self.state = State::Data;
                    }
                    1
                }
            };
            bytes = bytes.get(used..).unwrap_or_default();
        }
        Ok(())
    }

    fn head(&mut self, head: [u8; HEAD]) -> Result<(), Refusal> {
        let [b'P', b'A', b'C', b'K', _, _, _, _, count @ ..] = head else {
            return Err(Refusal::Broken("it does not begin with PACK"));
        };
        self.entries_left = u32::from_be_bytes(count);
        self.next();
        Ok(())
    }

    /// Goes to the next entry, if there is one.
    fn next(&mut self) {
        self.state = match self.entries_left.checked_sub(1) {
            Some(left) => {
                self.entries_left = left;
                State::ENTRY
            }
            None => State::End,
        };
    }

    /// One byte of an entry's type and size.
    fn size(&mut self, byte: u8) -> Result<(), Refusal> {
        let State::Size { kind, size, shift } = &mut self.state else {
            return Ok(());
        };
        let (bits, width) = match kind {
            None => (byte & 0x0f, 4),
            Some(_) => (byte & 0x7f, 7),
        };
        let kind = *kind.get_or_insert((byte >> 4) & 7);
        // What does not fit into 64 bits is larger than any limit.
        let bits = u64::from(bits);
        let part = bits.checked_shl(*shift).filter(|part| part >> *shift == bits);
        *size |= part.ok_or(Refusal::ObjectTooLarge)?;
        *shift += width;
        if byte & 0x80 != 0 {
            return Ok(());
        }
        let size = *size;
        self.charge(size)?;
        self.size = size;
        self.inflate.reset();
        self.delta = matches!(kind, OFFSET_DELTA | REFERENCE_DELTA).then(Vec::new);
        self.state = match kind {
            OFFSET_DELTA => State::Distance,
            REFERENCE_DELTA => State::Base(ID),
            _ => State::Data,
        };
        Ok(())
    }

    /// Counts bytes that are going to be inflated or made.
    fn charge(&mut self, size: u64) -> Result<(), Refusal> {
        if size > self.bounds.object {
            return Err(Refusal::ObjectTooLarge);
        }
        self.total = self.total.saturating_add(size);
        if self.total > self.bounds.total {
            return Err(Refusal::TooMuch);
        }
        Ok(())
    }

    /// Inflates what belongs to the entry at hand; returns how many bytes that were.
    fn data(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        let mut used = 0;
        loop {
            let (input, output) = (self.inflate.total_in(), self.inflate.total_out());
            let rest = bytes.get(used..).unwrap_or_default();
            let status = self
                .inflate
                .decompress(rest, &mut self.scratch, FlushDecompress::None)
                .map_err(|_| Refusal::Broken("an entry is not a zlib stream"))?;
            let read = length(self.inflate.total_in() - input);
            let written = length(self.inflate.total_out() - output);
            used += read;
            if self.inflate.total_out() > self.size {
                return Err(Refusal::Broken("an entry inflates to more than it says"));
            }
            self.delta(written)?;
            if status == Status::StreamEnd {
                if self.inflate.total_out() < self.size {
                    return Err(Refusal::Broken("an entry inflates to less than it says"));
                }
                if self.delta.is_some() {
                    return Err(Refusal::Broken("a delta ends before its sizes"));
                }
                self.next();
                return Ok(used);
            }
            if read == 0 && written == 0 {
                // All of the input has been taken, or zlib would have gone on.
                return Ok(bytes.len());
            }
        }
    }

    /// Reads what a delta makes from its first bytes, of which `written` new ones are in the scratch buffer.
    fn delta(&mut self, written: usize) -> Result<(), Refusal> {
        let Some(mut head) = self.delta.take() else {
            return Ok(());
        };
        let missing = (2 * MOST_SIZE_BYTES).saturating_sub(head.len());
        head.extend(self.scratch.iter().take(written.min(missing)));
        match sizes(&head) {
            Some([_base, made]) => self.charge(made),
            None if head.len() == 2 * MOST_SIZE_BYTES => {
                Err(Refusal::Broken("a delta does not say what it makes"))
            }
            None => {
                self.delta = Some(head);
                Ok(())
            }
        }
    }
}

/// The sizes of a delta's base and of what it makes; `None` until both are there.
fn sizes(head: &[u8]) -> Option<[u64; 2]> {
    let mut bytes = head.iter();
    let mut size = || {
        let mut size = 0_u64;
        for shift in (0..).step_by(7).take(MOST_SIZE_BYTES) {
            let byte = *bytes.next()?;
            size |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(size);
            }
        }
        None
    };
    Some([size()?, size()?])
}

/// A count of bytes in a buffer.
fn length(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    //! Packs written by hand: what is refused, and at which byte.

    use std::io::Write as _;

    use gix::zlib::Compression;
    use gix::zlib::stream::deflate;
    use proptest::prelude::*;

    use super::{Bounds, OFFSET_DELTA, REFERENCE_DELTA, Refusal, Scan, State};

    const BLOB: u8 = 3;
    const BOUNDS: Bounds = Bounds {
        object: 1_000_000,
        total: 2_500_000,
    };

    fn head(count: u32) -> Vec<u8> {
        [b"PACK".as_slice(), &2_u32.to_be_bytes(), &count.to_be_bytes()].concat()
    }

    fn deflated(bytes: &[u8]) -> Vec<u8> {
        let mut writer = deflate::Write::new(Vec::new(), Compression::BEST);
        writer.write_all(bytes).unwrap();
        writer.flush().unwrap();
        writer.into_inner()
    }

    fn entry_head(kind: u8, size: u64) -> Vec<u8> {
        let low = u8::try_from(size & 0x0f).unwrap();
        let mut bytes = vec![kind << 4 | low];
        let mut rest = size >> 4;
        while rest > 0 {
            *bytes.last_mut().unwrap() |= 0x80;
            bytes.push(u8::try_from(rest & 0x7f).unwrap());
            rest >>= 7;
        }
        bytes
    }

    fn entry(kind: u8, base: &[u8], content: &[u8]) -> Vec<u8> {
        let size = u64::try_from(content.len()).unwrap();
        [entry_head(kind, size), base.to_vec(), deflated(content)].concat()
    }

    fn number(mut number: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while number > 0x7f {
            bytes.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
            number >>= 7;
        }
        bytes.push(u8::try_from(number).unwrap());
        bytes
    }

    /// Feeds a pack byte by byte: the bytes that were taken, and why no more were.
    fn scan(pack: &[u8]) -> (usize, Result<bool, Refusal>) {
        let mut scan = Scan::new(BOUNDS);
        for (index, byte) in pack.iter().enumerate() {
            if let Err(refusal) = scan.feed(&[*byte]) {
                return (index, Err(refusal));
            }
        }
        (pack.len(), Ok(matches!(scan.state, State::End)))
    }

    #[test]
    fn a_giant_is_refused_at_its_header() {
        let giant = entry_head(BLOB, 1_000_001);
        let (at, result) = scan(&[head(1), giant.clone()].concat());
        assert_eq!(result, Err(Refusal::ObjectTooLarge));
        assert_eq!(at, 12 + giant.len() - 1, "no byte of its data is needed");
        // More bits than a size can have.
        let endless = [head(1), vec![0xbf; 12]].concat();
        assert_eq!(scan(&endless).1, Err(Refusal::ObjectTooLarge));
    }

    #[test]
    fn many_are_refused_at_the_header_of_the_one_that_is_too_much() {
        let large = entry(BLOB, &[], &vec![0; 1_000_000]);
        let pack = [head(3), large.clone(), large.clone(), large.clone()].concat();
        let (at, result) = scan(&pack);
        assert_eq!(result, Err(Refusal::TooMuch));
        assert!(at < 12 + 2 * large.len() + 5, "{at}");
        let two = [head(2), large.clone(), large].concat();
        assert_eq!(scan(&[two, vec![0; 20]].concat()).1, Ok(true));
    }

    #[test]
    fn a_delta_is_refused_for_what_it_makes() {
        for (kind, base) in [(OFFSET_DELTA, vec![0x81, 0x05]), (REFERENCE_DELTA, vec![7; 20])] {
            let delta = |made: u64| [number(100), number(made), vec![0; 30]].concat();
            let pack = |made| [head(1), entry(kind, &base, &delta(made)), vec![0; 20]].concat();
            assert_eq!(scan(&pack(1_000_000)).1, Ok(true));
            assert_eq!(scan(&pack(1_000_001)).1, Err(Refusal::ObjectTooLarge));
            let short = [head(1), entry(kind, &base, &[0x80, 0x80])].concat();
            assert_eq!(
                scan(&short).1,
                Err(Refusal::Broken("a delta ends before its sizes"))
            );
        }
    }

    #[test]
    fn an_entry_is_held_to_what_it_says() {
        let lie = |says: u64, is: usize| [head(1), entry_head(BLOB, says), deflated(&vec![0; is])].concat();
        let more = scan(&lie(10, 900_000_000 / 100)).1;
        assert_eq!(
            more,
            Err(Refusal::Broken("an entry inflates to more than it says"))
        );
        let less = scan(&lie(10, 9)).1;
        assert_eq!(
            less,
            Err(Refusal::Broken("an entry inflates to less than it says"))
        );
        let noise = [head(1), entry_head(BLOB, 10), vec![0xff; 20]].concat();
        assert_eq!(
            scan(&noise).1,
            Err(Refusal::Broken("an entry is not a zlib stream"))
        );
        assert_eq!(
            scan(b"HELLO WORLD!").1,
            Err(Refusal::Broken("it does not begin with PACK"))
        );
        assert_eq!(scan(&[head(0), vec![0; 20]].concat()).1, Ok(true));
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(
            sizes in proptest::collection::vec(0_usize..40_000, 1..6),
            piece in 1_usize..5_000,
        ) {
            let count = u32::try_from(sizes.len()).unwrap();
            let mut pack = head(count);
            for size in sizes {
                let content: Vec<u8> = (0..size).map(|index| u8::try_from(index * index % 251).unwrap()).collect();
                pack.extend(entry(BLOB, &[], &content));
            }
            let mut scan = Scan::new(BOUNDS);
            for piece in pack.chunks(piece) {
                prop_assert_eq!(scan.feed(piece), Ok(()));
            }
            prop_assert!(matches!(scan.state, State::End));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Scan::new(BOUNDS).feed(&[head(3), bytes].concat());
        }
    }
}
