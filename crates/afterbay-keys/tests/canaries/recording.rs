//! What is logged, at every level and by everybody, and what panics, while a test runs.

use std::io;
use std::panic;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use tracing_subscriber::filter::LevelFilter;

static LOG: Mutex<String> = Mutex::new(String::new());

/// One test at a time, so that what is recorded is its own.
static TURN: Mutex<()> = Mutex::new(());

/// Recorded from here on; ends with the value.
pub(crate) struct Recording {
    log: &'static Mutex<String>,
    _turn: MutexGuard<'static, ()>,
}

impl Recording {
    /// Waits for its turn.
    pub(crate) fn start() -> Self {
        static INSTALLED: Once = Once::new();
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        INSTALLED.call_once(|| {
            tracing_subscriber::fmt()
                .with_max_level(LevelFilter::TRACE)
                .with_ansi(false)
                .with_writer(|| Writer)
                .init();
            let others = panic::take_hook();
            panic::set_hook(Box::new(move |panicked| {
                log(&format!("{panicked}\n"));
                others(panicked);
            }));
        });
        let recording = Self {
            log: &LOG,
            _turn: turn,
        };
        recording.take();
        recording
    }

    /// What was recorded since it was last asked.
    pub(crate) fn take(&self) -> String {
        std::mem::take(&mut *self.log.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn log(text: &str) {
    LOG.lock().unwrap_or_else(PoisonError::into_inner).push_str(text);
}

struct Writer;

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        log(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
