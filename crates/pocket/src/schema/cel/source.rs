//! From the text of an expression to a program.

use std::sync::{Arc, OnceLock};

use ::cel::common::ast::{EntryExpr, Expr};
use ::cel::{Env, IdedExpr};

use super::functions;

/// More operators, calls and selections are not parsed.
const MAX_OPERATORS: usize = 600;
/// Brackets and alternatives in each other: the parser takes much stack for each.
const MAX_BRACKETS: usize = 32;
/// Operations in each other: the interpreter takes stack for each.
const MAX_DEPTH: usize = 64;

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
    if brackets(source) > MAX_BRACKETS {
        return Err(too_deep());
    }
    let program = environment().compile(source).map_err(|errors| {
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
    })?;
    if !fits(program.expression(), MAX_DEPTH) {
        return Err(too_deep());
    }
    Ok(program)
}

fn too_deep() -> Problem {
    Problem::Compile("ERROR: <input>:1:1: expression nests too deeply".to_owned())
}

/// How deeply brackets nest, and how many alternatives there are, which may nest; what is quoted does not count.
fn brackets(source: &str) -> usize {
    let (mut depth, mut deepest, mut alternatives) = (0_usize, 0, 0);
    let (mut quote, mut escaped) = (None, false);
    for character in source.chars() {
        match (quote, character) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), close) if open == close => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(character),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            (None, '?') => alternatives += 1,
            (None, _) => {}
        }
        deepest = deepest.max(depth);
    }
    deepest + alternatives
}

/// Whether an expression nests no deeper than this.
fn fits(expression: &IdedExpr, left: usize) -> bool {
    let Some(left) = left.checked_sub(1) else {
        return false;
    };
    let below = |part: &IdedExpr| fits(part, left);
    match &expression.expr {
        Expr::Call(call) => call.target.as_deref().is_none_or(below) && call.args.iter().all(below),
        Expr::Comprehension(parts) => [
            &parts.iter_range,
            &parts.accu_init,
            &parts.loop_cond,
            &parts.loop_step,
            &parts.result,
        ]
        .into_iter()
        .all(below),
        Expr::List(list) => list.elements.iter().all(below),
        Expr::Map(map) => map
            .entries
            .iter()
            .all(|entry| fits_entry(&entry.expr, left)),
        Expr::Struct(value) => value
            .entries
            .iter()
            .all(|entry| fits_entry(&entry.expr, left)),
        Expr::Select(select) => below(&select.operand),
        Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => true,
    }
}

fn fits_entry(entry: &EntryExpr, left: usize) -> bool {
    match entry {
        EntryExpr::StructField(field) => fits(&field.value, left),
        EntryExpr::MapEntry(entry) => fits(&entry.key, left) && fits(&entry.value, left),
    }
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
