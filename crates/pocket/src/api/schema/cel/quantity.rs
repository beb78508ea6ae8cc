//! The `quantity` functions of Kubernetes rules, on plain numbers.

use std::sync::Arc;

use ::cel::extractors::This;
use ::cel::{Context, DeclarationError, ExecutionError};

/// Makes `quantity(text)`, `isQuantity(text)` and the comparisons on its result available.
pub(super) fn register(context: &mut Context<'_, '_>) {
    let declared = declare(context);
    declared.expect("no function of this name is declared elsewhere");
}

fn declare(context: &mut Context<'_, '_>) -> Result<(), DeclarationError> {
    context.add_function(
        "quantity",
        |text: Arc<String>| -> Result<f64, ExecutionError> {
            parse(&text).ok_or_else(|| ExecutionError::function_error("quantity", "not a quantity"))
        },
    )?;
    context.add_function("isQuantity", |text: Arc<String>| parse(&text).is_some())?;
    context.add_function("isGreaterThan", |This(a): This<f64>, b: f64| a > b)?;
    context.add_function("isLessThan", |This(a): This<f64>, b: f64| a < b)?;
    context.add_function("compareTo", |This(a): This<f64>, b: f64| {
        a.partial_cmp(&b).map_or(0_i64, |order| order as i64)
    })?;
    context.add_function("asApproximateFloat", |This(a): This<f64>| a)
}

/// A Kubernetes quantity as a number of units.
fn parse(text: &str) -> Option<f64> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '+' | '-')));
    let (number, suffix) = text.split_at(end.unwrap_or(text.len()));
    let factor = match suffix {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        "Ti" => 1_099_511_627_776.0,
        "Pi" => 1_125_899_906_842_624.0,
        "Ei" => 1_152_921_504_606_846_976.0,
        exponent => {
            let digits = exponent.strip_prefix(['e', 'E'])?;
            10_f64.powi(digits.parse().ok()?)
        }
    };
    let number: f64 = number.parse().ok()?;
    Some(number * factor)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn suffixes_scale() {
        assert_eq!(parse("5Gi"), Some(5.0 * 1_073_741_824.0));
        assert_eq!(parse("500m"), Some(0.5));
        assert_eq!(parse("1e3"), Some(1000.0));
        assert_eq!(parse("5 apples"), None);
        assert_eq!(parse(""), None);
    }
}
