//! Listens in on a stream of pkt-lines (`gitprotocol-common(5)`) for what a server reports as an error.
//!
//! The protocol library turns such a report into "unknown header" or drops it, so it is picked up here.

use crate::foreign_text::foreign_text;

/// The most bytes of a report that are kept.
const MOST_REPORT: usize = 1024;

/// A listener that is fed a response body as it arrives.
#[derive(Debug, Default)]
pub(crate) struct PktLines {
    header: Vec<u8>,
    payload: Vec<u8>,
    /// Bytes of the current payload still to come.
    rest: usize,
    lost: bool,
    report: Option<String>,
}

impl PktLines {
    /// Takes the next bytes of the body.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.lost {
            bytes = if self.rest == 0 {
                self.feed_header(bytes)
            } else {
                self.feed_payload(bytes)
            };
        }
    }

    /// What the server reported, bounded and without control characters.
    pub(crate) fn report(&self) -> Option<&str> {
        self.report.as_deref()
    }

    fn feed_header<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let (head, tail) = bytes.split_at(bytes.len().min(4 - self.header.len()));
        self.header.extend_from_slice(head);
        if self.header.len() == 4 {
            let length = std::str::from_utf8(&self.header)
                .ok()
                .and_then(|hex| usize::from_str_radix(hex, 16).ok());
            self.header.clear();
            match length {
                // Flush, delimiter and response-end packets have no payload; 0004 is an empty line.
                Some(0..=2 | 4) => {}
                Some(length) if length > 4 => self.rest = length - 4,
                _ => self.lost = true,
            }
        }
        tail
    }

    fn feed_payload<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let (head, tail) = bytes.split_at(bytes.len().min(self.rest));
        let room = MOST_REPORT.saturating_sub(self.payload.len());
        self.payload.extend_from_slice(&head[..head.len().min(room)]);
        self.rest -= head.len();
        if self.rest == 0 {
            // Side band 3 carries a fatal error (`gitprotocol-pack(5)`).
            let report = self
                .payload
                .strip_prefix(b"ERR ")
                .or_else(|| self.payload.strip_prefix(b"\x03"));
            if let (Some(report), None) = (report, &self.report) {
                self.report = Some(foreign_text(report));
            }
            self.payload.clear();
        }
        tail
    }
}

#[cfg(test)]
mod tests {
    //! Reports are found wherever the body is cut.

    use super::PktLines;

    fn heard(body: &[u8], cut: usize) -> Option<String> {
        let mut lines = PktLines::default();
        body.chunks(cut).for_each(|chunk| lines.feed(chunk));
        lines.report().map(str::to_owned)
    }

    #[test]
    fn hears_an_error_line_in_any_cut() {
        let body = b"001e# service=git-upload-pack\n00000018ERR upload-pack: no\n";
        for cut in 1..body.len() {
            assert_eq!(heard(body, cut).as_deref(), Some("upload-pack: no"), "cut {cut}");
        }
    }

    #[test]
    fn hears_the_error_band_and_strips_control_characters() {
        assert_eq!(
            heard(b"000dpackfile\n0010\x03\x1b[31mboom\r\n", 3).as_deref(),
            Some("[31mboom")
        );
    }

    #[test]
    fn pack_data_and_other_lines_are_no_report() {
        assert_eq!(heard(b"000a\x01ERR x0009\x02ERR", 1), None);
        assert_eq!(heard(b"<html>ERR no</html>", 5), None);
    }
}
