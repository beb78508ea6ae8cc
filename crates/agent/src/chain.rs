//! An error with its causes, as one line for the log.

use std::error::Error;
use std::fmt;

/// Displays an error and, after colons, every cause.
pub(crate) struct Chain<'a>(pub(crate) &'a (dyn Error + 'a));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// Remembers the last complaint of a repeated task, so that the log tells each one once.
#[derive(Debug, Default)]
pub(crate) struct Complaint(Option<String>);

impl Complaint {
    /// The complaint as text, if it is not the one of last time.
    pub(crate) fn new_one(&mut self, error: &dyn Error) -> Option<String> {
        let text = Chain(error).to_string();
        if self.0.as_ref() == Some(&text) {
            return None;
        }
        self.0 = Some(text.clone());
        Some(text)
    }

    /// All is well again.
    pub(crate) fn clear(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] fmt::Error);

    #[test]
    fn a_complaint_is_told_once() {
        let error = Outer(fmt::Error);
        let mut complaint = Complaint::default();
        let text = complaint.new_one(&error).unwrap();
        assert!(text.starts_with("outer: "), "{text}");
        assert_eq!(complaint.new_one(&error), None);
        complaint.clear();
        assert!(complaint.new_one(&error).is_some());
    }
}
