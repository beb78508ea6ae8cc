//! From the text of an expression to a program.

use std::sync::{Arc, OnceLock};

use ::cel::Env;

use super::functions;

/// Expressions with more operators, calls and selections nest too deep for the parser.
const MAX_OPERATORS: usize = 600;

/// The language as rules know it.
pub(super) fn environment() -> &'static Arc<Env> {
    static ENVIRONMENT: OnceLock<Arc<Env>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        Arc::new(functions::environment().expect("the functions do not clash with each other"))
    })
}

/// Why an expression is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    /// Not an expression, or one that names what is not there.
    #[error("compilation failed: {0}")]
    Compile(String),
    /// It computes the wrong thing.
    #[error("cel expression must evaluate to a {0}")]
    Result(&'static str),
}

/// Parses an expression.
pub(super) fn parse(source: &str) -> Result<::cel::Program, Problem> {
    let operators = source
        .matches(|c: char| "+-*/%([{.?&|<>=!:,".contains(c))
        .count();
    if operators > MAX_OPERATORS {
        let problem =
            format!("ERROR: <input>:1:1: expression has more than {MAX_OPERATORS} operators");
        return Err(Problem::Compile(problem));
    }
    environment().compile(source).map_err(|errors| {
        let lines: Vec<String> = errors
            .errors
            .iter()
            .map(|error| {
                located(
                    source,
                    error.pos.0.max(1).unsigned_abs(),
                    error.pos.1.unsigned_abs(),
                    &error.msg,
                )
            })
            .collect();
        Problem::Compile(lines.join("\n"))
    })
}

/// A problem with the line it is in and a mark below the place.
pub(super) fn located(source: &str, line: usize, column: usize, problem: &str) -> String {
    let shown = source
        .lines()
        .nth(line.saturating_sub(1))
        .unwrap_or_default();
    let dots = ".".repeat(column.saturating_sub(1));
    format!("ERROR: <input>:{line}:{column}: {problem}\n | {shown}\n | {dots}^")
}
