//! An error and its causes as one line.

use std::error::Error;

/// Joins an error and its sources with `: `.
///
/// Some libraries repeat the source in their own text; a source that was already said is left out.
#[must_use]
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        #[source]
        below: Option<Box<Layer>>,
    }

    #[test]
    fn repeated_causes_are_said_once() {
        let error = Layer {
            text: "service: refused",
            below: Some(Box::new(Layer {
                text: "refused",
                below: Some(Box::new(Layer {
                    text: "os error 111",
                    below: None,
                })),
            })),
        };
        assert_eq!(chain(&error), "service: refused: os error 111");
    }
}
