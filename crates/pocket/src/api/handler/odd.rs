//! Fields that a client gave twice or that its object does not have: an error, warnings or silence, as it asked.

use super::call::Call;
use crate::api::body::Doubles;
use crate::api::options::FieldValidation;
use crate::api::status::Failure;

/// What is odd about a body, in the order in which it is told.
#[derive(Debug, Default)]
pub(super) struct Odd {
    /// Lines about YAML, which are one problem together.
    lines: Vec<String>,
    others: Vec<String>,
}

impl Odd {
    pub(super) fn new(doubles: &Doubles, unknown: Vec<String>) -> Self {
        let doubled = doubles.fields.iter();
        let doubled = doubled.map(|path| format!("duplicate field \"{path}\""));
        let unknown = unknown.into_iter();
        let unknown = unknown.map(|path| format!("unknown field \"{path}\""));
        Self {
            lines: doubles.lines.clone(),
            others: doubled.chain(unknown).collect(),
        }
    }

    /// Of a JSON patch, which is no object itself.
    pub(super) fn in_operations(mut self) -> Self {
        for problem in &mut self.others {
            problem.insert_str(0, "json patch ");
        }
        self
    }

    pub(super) fn and(mut self, other: Self) -> Self {
        self.lines.extend(other.lines);
        self.others.extend(other.others);
        self
    }

    /// Carries out what the client asked for; `refuse` words the failure.
    pub(super) fn judge(
        self,
        call: &Call<'_>,
        refuse: impl FnOnce(&str) -> Failure,
    ) -> Result<(), Failure> {
        if self.lines.is_empty() && self.others.is_empty() {
            return Ok(());
        }
        match call.options.field_validation {
            FieldValidation::Ignore => {}
            FieldValidation::Warn => {
                let all = self.lines.into_iter().chain(self.others);
                all.for_each(|problem| call.warn(problem));
            }
            FieldValidation::Strict => return Err(refuse(&self.text())),
        }
        Ok(())
    }

    fn text(&self) -> String {
        let mut problems = Vec::new();
        if !self.lines.is_empty() {
            problems.push(format!(
                "yaml: unmarshal errors:\n  {}",
                self.lines.join("\n  ")
            ));
        }
        problems.extend(self.others.iter().cloned());
        format!("strict decoding error: {}", problems.join(", "))
    }
}
