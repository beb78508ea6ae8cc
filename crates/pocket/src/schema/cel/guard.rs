//! Rewriting a checked program so that its work is bounded.

use ::cel::IdedExpr;
use ::cel::common::ast::{CallExpr, EntryExpr, Expr};

use super::{budget, functions};

/// Puts a charge in front of every loop, and our `matches` in the place of one that compiles its pattern each time.
pub(super) fn guard(expression: &mut IdedExpr) {
    match &mut expression.expr {
        Expr::Comprehension(comprehension) => {
            for part in [
                &mut comprehension.iter_range,
                &mut comprehension.accu_init,
                &mut comprehension.loop_cond,
                &mut comprehension.loop_step,
                &mut comprehension.result,
            ] {
                guard(part);
            }
            let range = std::mem::take(&mut comprehension.iter_range);
            comprehension.iter_range.id = range.id;
            comprehension.iter_range.expr = Expr::Call(CallExpr {
                func_name: budget::CHARGE.to_owned(),
                target: None,
                args: vec![range],
            });
        }
        Expr::Call(call) => {
            if call.func_name == "matches" {
                functions::MATCHES.clone_into(&mut call.func_name);
            }
            call.target.iter_mut().for_each(|target| guard(target));
            call.args.iter_mut().for_each(guard);
        }
        Expr::List(list) => list.elements.iter_mut().for_each(guard),
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
}

fn guard_entry(entry: &mut EntryExpr) {
    match entry {
        EntryExpr::StructField(field) => guard(&mut field.value),
        EntryExpr::MapEntry(entry) => {
            guard(&mut entry.key);
            guard(&mut entry.value);
        }
    }
}
