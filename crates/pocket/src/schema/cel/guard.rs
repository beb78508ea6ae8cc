//! Rewriting a checked program so that its work is bounded.

use ::cel::IdedExpr;
use ::cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr};

use super::{budget, check, functions};

/// Functions that look at their arguments' surface only, or whose work is that of an operator.
const LIGHT: [&str; 24] = [
    "_&&_",
    "_||_",
    "!_",
    "-_",
    "_-_",
    "_*_",
    "_/_",
    "_%_",
    "_<_",
    "_<=_",
    "_>_",
    "_>=_",
    "_?_:_",
    "_[_]",
    "_[?_]",
    "_?._",
    "@not_strictly_false",
    "size",
    "hasValue",
    "value",
    "or",
    "orValue",
    "type",
    "dyn",
];

/// Puts a charge in front of every loop and of every value that is handled as a whole, and our functions in the place of those
/// without bounds.
pub(super) fn guard(expression: &mut IdedExpr) {
    match &mut expression.expr {
        Expr::Comprehension(comprehension) => walk(comprehension),
        Expr::Call(call) => {
            call.target.iter_mut().for_each(|target| guard(target));
            call.args.iter_mut().for_each(guard);
            weigh_parts(call);
            if let Some(ours) = functions::stand_in(&call.func_name) {
                ours.clone_into(&mut call.func_name);
            }
        }
        Expr::List(list) => list.elements.iter_mut().for_each(weighed),
        Expr::Map(map) => map
            .entries
            .iter_mut()
            .for_each(|entry| guard_entry(&mut entry.expr)),
        Expr::Struct(value) => value
            .entries
            .iter_mut()
            .for_each(|entry| guard_entry(&mut entry.expr)),
        Expr::Select(select) => guard(&mut select.operand),
        Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => {}
    }
    // What an optional holds is a copy.
    if let Expr::Call(call) = &expression.expr
        && matches!(call.func_name.as_str(), "_?._" | "_[?_]")
    {
        wrap(expression, budget::WEIGH);
    }
}

fn walk(comprehension: &mut ComprehensionExpr) {
    for part in [
        &mut comprehension.iter_range,
        &mut comprehension.accu_init,
        &mut comprehension.loop_cond,
        &mut comprehension.result,
    ] {
        guard(part);
    }
    step(&comprehension.accu_var, &mut comprehension.loop_step);
    wrap(&mut comprehension.iter_range, budget::CHARGE);
}

/// What has been gathered so far is not copied by each step, and so is not weighed.
fn step(gathered: &str, expression: &mut IdedExpr) {
    if let Expr::Call(call) = &mut expression.expr {
        if call.func_name == "_?_:_" {
            return call.args.iter_mut().for_each(|arg| step(gathered, arg));
        }
        if let ("_+_", [Expr::Ident(first), _]) = (
            call.func_name.as_str(),
            call.args
                .iter()
                .map(|arg| &arg.expr)
                .collect::<Vec<_>>()
                .as_slice(),
        ) && first == gathered
        {
            return call.args.iter_mut().skip(1).for_each(guard);
        }
    }
    guard(expression);
}

fn weigh_parts(call: &mut CallExpr) {
    let name = call.func_name.clone();
    if LIGHT.contains(&name.as_str()) {
        return;
    }
    // What is looked for is compared, which the list pays for.
    let skipped = usize::from(name == "@in");
    let target = call.target.iter_mut().map(|target| &mut **target);
    // `lists` in `lists.f(x)` is no value, unless a variable has that name and the method `f`.
    let is_name = |part: &IdedExpr| matches!(&part.expr, Expr::Ident(space) if functions::is_namespace(space) && check::is_function(&format!("{space}.{name}")));
    target
        .chain(call.args.iter_mut().skip(skipped))
        .filter(|part| !is_name(part))
        .for_each(|part| wrap(part, budget::WEIGH));
}

fn weighed(part: &mut IdedExpr) {
    guard(part);
    wrap(part, budget::WEIGH);
}

/// Puts a call of one of our functions around an expression; what is written out pays for itself.
fn wrap(part: &mut IdedExpr, function: &str) {
    if function == budget::WEIGH && matches!(part.expr, Expr::Literal(_)) {
        return;
    }
    let inner = std::mem::take(part);
    part.id = inner.id;
    part.expr = Expr::Call(CallExpr {
        func_name: function.to_owned(),
        target: None,
        args: vec![inner],
    });
}

fn guard_entry(entry: &mut EntryExpr) {
    match entry {
        EntryExpr::StructField(field) => guard(&mut field.value),
        EntryExpr::MapEntry(entry) => {
            weighed(&mut entry.key);
            weighed(&mut entry.value);
        }
    }
}
