//! Where log lines go and which are written.

use std::io;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::args::LogFormat;

/// Starts logging to standard error. `HOWDAH_LOG` decides what is written; `default` does if it is not set.
pub(crate) fn start(default: &str, format: LogFormat) {
    let wanted = std::env::var("HOWDAH_LOG").unwrap_or_default();
    let wanted = if wanted.is_empty() { default } else { &wanted };
    // A filter that makes no sense must not stop a database.
    let filter = EnvFilter::try_new(wanted).unwrap_or_else(|_| EnvFilter::new(default));
    let lines = fmt().with_env_filter(filter).with_writer(io::stderr);
    match format {
        LogFormat::Json => lines.json().init(),
        LogFormat::Text => lines.with_ansi(false).init(),
    }
}
