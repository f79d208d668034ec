//! S-expressions as libgcrypt writes them, in both spellings: canonical (`(3:rsa(1:n3:…))`) and advanced
//! (`(rsa (n #00BA…#))`). Format: libgcrypt manual, "S-expressions"; Rivest, draft-rivest-sexp.

use zeroize::Zeroizing;

/// Deepest nesting read; private keys have 5 levels.
const DEEPEST: usize = 16;

/// An atom or a list. Atoms are wiped, because some of them are private keys.
pub(crate) enum Expression {
    Atom(Zeroizing<Vec<u8>>),
    List(Vec<Expression>),
}

impl Expression {
    /// Reads one expression and leaves out what follows it.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        Parser { rest: text }.expression(0)
    }

    /// The bytes of an atom.
    pub(crate) fn atom(&self) -> Option<&[u8]> {
        match self {
            Self::Atom(bytes) => Some(bytes),
            Self::List(_) => None,
        }
    }

    /// The members of a list; an atom has none.
    pub(crate) fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            Self::Atom(_) => &[],
        }
    }

    /// Whether it is a list that starts with this atom.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name() == Some(name.as_bytes())
    }

    /// The atom that a list starts with.
    pub(crate) fn name(&self) -> Option<&[u8]> {
        self.items().first()?.atom()
    }

    /// The list of a name among the members.
    pub(crate) fn find(&self, name: &str) -> Option<&Self> {
        self.items().iter().find(|item| item.is(name))
    }

    /// The atom behind a name: `x` of `(name x)` among the members.
    pub(crate) fn value(&self, name: &str) -> Option<&[u8]> {
        self.find(name)?.items().get(1)?.atom()
    }

    /// Appends the canonical spelling, without the members that `left_out` names.
    pub(crate) fn canonical(&self, left_out: &str, text: &mut Vec<u8>) {
        match self {
            Self::Atom(bytes) => {
                text.extend(bytes.len().to_string().as_bytes());
                text.push(b':');
                text.extend(bytes.iter());
            }
            Self::List(items) => {
                text.push(b'(');
                for item in items.iter().filter(|item| !item.is(left_out)) {
                    item.canonical(left_out, text);
                }
                text.push(b')');
            }
        }
    }
}

struct Parser<'a> {
    rest: &'a [u8],
}

impl Parser<'_> {
    fn expression(&mut self, depth: usize) -> Option<Expression> {
        self.skip_space();
        if self.rest.first() != Some(&b'(') {
            return self.atom().map(Expression::Atom);
        }
        if depth == DEEPEST {
            return None;
        }
        self.rest = &self.rest[1..];
        let mut items = Vec::new();
        loop {
            self.skip_space();
            if self.rest.first()? == &b')' {
                self.rest = &self.rest[1..];
                return Some(Expression::List(items));
            }
            items.push(self.expression(depth + 1)?);
        }
    }

    fn atom(&mut self) -> Option<Zeroizing<Vec<u8>>> {
        match self.rest.first()? {
            b'#' => self.hexadecimal(),
            b'"' => self.quoted(),
            b'0'..=b'9' => self.counted(),
            _ => self.token(),
        }
    }

    /// `3:rsa`.
    fn counted(&mut self) -> Option<Zeroizing<Vec<u8>>> {
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, rest) = self.rest.split_at(digits);
        let length: usize = str::from_utf8(number).ok()?.parse().ok()?;
        let rest = rest.strip_prefix(b":")?;
        let (bytes, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some(Zeroizing::new(bytes.to_vec()))
    }

    /// `#00BA…#`, with white space anywhere.
    fn hexadecimal(&mut self) -> Option<Zeroizing<Vec<u8>>> {
        let text = &self.rest[1..];
        let length = text.iter().position(|&byte| byte == b'#')?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(length.div_ceil(2)));
        let mut high = None;
        for &byte in text[..length].iter().filter(|byte| !byte.is_ascii_whitespace()) {
            let digit = u8::try_from(char::from(byte).to_digit(16)?).ok()?;
            match high.take() {
                None => high = Some(digit),
                Some(high) => bytes.push(high << 4 | digit),
            }
        }
        self.rest = &text[length + 1..];
        high.is_none().then_some(bytes)
    }

    /// `"378967040"`. Escapes are those of C; private keys have none, so only the plain ones are read.
    fn quoted(&mut self) -> Option<Zeroizing<Vec<u8>>> {
        let text = &self.rest[1..];
        let mut bytes = Zeroizing::new(Vec::with_capacity(text.len().min(64)));
        let mut index = 0;
        loop {
            match text.get(index)? {
                b'"' => break,
                b'\\' => {
                    index += 1;
                    bytes.push(match text.get(index)? {
                        b'n' => b'\n',
                        b'r' => b'\r',
                        b't' => b'\t',
                        other @ (b'"' | b'\'' | b'\\') => *other,
                        _ => return None,
                    });
                }
                other => bytes.push(*other),
            }
            index += 1;
        }
        self.rest = &text[index + 1..];
        Some(bytes)
    }

    fn token(&mut self) -> Option<Zeroizing<Vec<u8>>> {
        let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-./_:*+=".contains(byte);
        let length = self.rest.iter().take_while(|byte| is_token(byte)).count();
        let (token, rest) = self.rest.split_at(length);
        self.rest = rest;
        (length > 0).then(|| Zeroizing::new(token.to_vec()))
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Expression;

    fn canonical(text: &[u8]) -> Option<String> {
        let mut canonical = Vec::new();
        Expression::parse(text)?.canonical("left-out", &mut canonical);
        Some(String::from_utf8_lossy(&canonical).into_owned())
    }

    #[test]
    fn both_spellings_are_one() {
        let spellings: [&[u8]; 3] = [
            b"(11:private-key(3:rsa(1:n3:ABC)(1:e1:0)))",
            b"(private-key (rsa (n #41 4\n 243#)(e \"0\")))",
            b" (private-key\n (rsa(n #414243#)(left-out #00# (a))(e #30#)))\nComment: x",
        ];
        for spelling in spellings {
            assert_eq!(
                canonical(spelling).as_deref(),
                Some("(11:private-key(3:rsa(1:n3:ABC)(1:e1:0)))")
            );
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "",
            "(",
            "(a",
            ")",
            "(9:ab)",
            "(a #4#)",
            "(a #4g#)",
            "(\"a",
            "(99999999999999999999:a)",
            "(1x)",
            "[a]",
        ] {
            assert!(canonical(text.as_bytes()).is_none(), "{text}");
        }
        assert!(canonical("(".repeat(100_000).as_bytes()).is_none());
    }

    proptest! {
        #[test]
        fn arbitrary_text_is_no_trouble(text in "[()0-9a-z:#\" \\\\]{0,60}") {
            let _ = canonical(text.as_bytes());
        }
    }
}
