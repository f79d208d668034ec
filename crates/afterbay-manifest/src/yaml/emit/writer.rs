//! Where the pen is: column, indent, and the comments that wait for their line.

use super::Flavor;

/// Text under way.
pub(super) struct Writer {
    pub(super) flavor: Flavor,
    pub(super) out: String,
    /// Characters on the current line.
    pub(super) column: usize,
    /// Indent of the current collection; `None` outside of any.
    pub(super) indent: Option<usize>,
    /// Whether the last character separates tokens.
    pub(super) whitespace: bool,
    /// Whether the line holds nothing but indentation and `-`, `?`, `:` so far.
    pub(super) indention: bool,
    /// Indent of a comment below an entry; what follows at the same indent gets a blank line.
    foot_indent: Option<usize>,
    pub(super) head: String,
    pub(super) line: String,
    pub(super) foot: String,
    /// A comment below the entry before, written when the next entry starts.
    pub(super) tail: String,
}

impl Writer {
    pub(super) fn new(flavor: Flavor) -> Self {
        Self {
            flavor,
            out: String::new(),
            column: 0,
            indent: None,
            whitespace: true,
            indention: true,
            foot_indent: None,
            head: String::new(),
            line: String::new(),
            foot: String::new(),
            tail: String::new(),
        }
    }

    /// Columns of one level.
    pub(super) fn step(&self) -> usize {
        match self.flavor {
            Flavor::Kustomize => 2,
            Flavor::Sops => 4,
        }
    }

    /// The column behind which a line is folded at the next space.
    pub(super) fn width(&self) -> usize {
        match self.flavor {
            Flavor::Kustomize => 80,
            Flavor::Sops => usize::MAX,
        }
    }

    pub(super) fn put(&mut self, c: char) {
        self.out.push(c);
        self.column += 1;
    }

    pub(super) fn put_str(&mut self, text: &str) {
        self.out.push_str(text);
        self.column += text.chars().count();
    }

    pub(super) fn line_break(&mut self) {
        self.out.push('\n');
        self.column = 0;
        self.indention = true;
    }

    /// A token such as `-`; a space before it unless there is one.
    pub(super) fn indicator(&mut self, token: &str, keeps_indention: bool) {
        if !self.whitespace {
            self.put(' ');
        }
        self.mark(token, keeps_indention);
    }

    /// A token such as `:` that follows without a space.
    pub(super) fn mark(&mut self, token: &str, keeps_indention: bool) {
        self.put_str(token);
        self.whitespace = false;
        self.indention &= keeps_indention;
    }

    /// Goes to the indent, on a new line unless this one is still free up to there.
    pub(super) fn indent_line(&mut self) {
        let indent = self.indent.unwrap_or(0);
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.line_break();
        }
        if self.foot_indent == Some(indent) {
            self.line_break();
        }
        while self.column < indent {
            self.put(' ');
        }
        self.whitespace = true;
        self.foot_indent = None;
    }

    /// Comments above what comes next: first those below the entry before.
    pub(super) fn flush_head(&mut self) {
        if !self.tail.is_empty() {
            let tail = std::mem::take(&mut self.tail);
            self.indent_line();
            self.comment(&tail);
            self.foot_indent = Some(self.indent.unwrap_or(0));
        }
        if !self.head.is_empty() {
            let head = std::mem::take(&mut self.head);
            self.indent_line();
            self.comment(&head);
        }
    }

    /// The comment behind what was just written.
    pub(super) fn flush_line(&mut self) {
        if self.line.is_empty() {
            return;
        }
        let line = std::mem::take(&mut self.line);
        if !self.whitespace {
            self.put(' ');
        }
        self.comment(&line);
    }

    /// Comments below what was just written.
    pub(super) fn flush_foot(&mut self) {
        if self.foot.is_empty() {
            return;
        }
        let foot = std::mem::take(&mut self.foot);
        self.indent_line();
        self.comment(&foot);
        self.foot_indent = Some(self.indent.unwrap_or(0));
    }

    /// Ends a document: what is left of comments stands apart, and the line is closed.
    pub(super) fn end_document(&mut self) {
        self.foot_indent = Some(0);
        self.flush_foot();
        self.foot_indent = None;
        // A comment behind a list or map waits for the next scalar, and here is none.
        self.foot = std::mem::take(&mut self.line);
        self.flush_foot();
        self.foot_indent = None;
        self.indent_line();
    }

    fn comment(&mut self, text: &str) {
        for (index, line) in text.split('\n').enumerate() {
            if index > 0 {
                self.indent_line();
            }
            self.put_str(line);
            self.line_break();
        }
        self.whitespace = true;
    }
}
