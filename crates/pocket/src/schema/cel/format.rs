//! `format.dns1123Label().validate(self.name)`: formats that text can be held against.

mod names;
mod uri;

use std::any::Any;

use ::cel::common::types::{CelList, CelOptional, CelString, STRING_TYPE, Type};
use ::cel::common::value::{CowVal, StaticVal, Val};
use ::cel::{DeclarationError, Env, ExecutionError};

use super::functions::{member, text, unexpected};
use crate::schema::format::Format as Text;

type Args<'b, 'v> = Vec<CowVal<'b, 'v>>;
type Outcome<'b, 'v> = Result<CowVal<'b, 'v>, ExecutionError>;
type Function = ::cel::common::functions::Function;

static FORMAT: Type = Type::new_unspecified_type("kubernetes.NamedFormat");

/// A format by its name, and what it has against a text.
#[derive(Clone, Copy, Debug)]
struct Format {
    name: &'static str,
    problems: fn(&str) -> Vec<String>,
}

/// The formats, and the function that yields each.
const FORMATS: [(Format, Function); 13] = [
    named("dns1123Label", names::label, |_| Ok(format(0))),
    named("dns1123Subdomain", names::subdomain, |_| Ok(format(1))),
    named("dns1035Label", names::label_1035, |_| Ok(format(2))),
    named("qualifiedName", names::qualified, |_| Ok(format(3))),
    named("dns1123LabelPrefix", names::label_prefix, |_| Ok(format(4))),
    named("dns1123SubdomainPrefix", names::subdomain_prefix, |_| {
        Ok(format(5))
    }),
    named("dns1035LabelPrefix", names::label_1035_prefix, |_| {
        Ok(format(6))
    }),
    named("labelValue", names::label_value, |_| Ok(format(7))),
    named("uri", uri::problems, |_| Ok(format(8))),
    named("uuid", uuid, |_| Ok(format(9))),
    named("byte", byte, |_| Ok(format(10))),
    named("date", date, |_| Ok(format(11))),
    named("datetime", datetime, |_| Ok(format(12))),
];

const fn named(
    name: &'static str,
    problems: fn(&str) -> Vec<String>,
    function: Function,
) -> (Format, Function) {
    (Format { name, problems }, function)
}

fn format<'b, 'v>(index: usize) -> CowVal<'b, 'v> {
    CowVal::owned(FORMATS[index].0)
}

impl Val for Format {
    fn get_type(&self) -> &Type {
        &FORMAT
    }

    fn cel_type() -> &'static Type {
        &FORMAT
    }

    fn equals(&self, other: &dyn Val) -> bool {
        other
            .downcast_ref::<Self>()
            .is_some_and(|other| other.name == self.name)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(*self)
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Format {}

pub(super) fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    for (format, function) in FORMATS {
        let name = format!("format.{}", format.name);
        env.add_overload(&name, &name, vec![], function)?;
    }
    env.add_overload(
        "format.named",
        "format.named(string)",
        vec![STRING_TYPE],
        by_name,
    )?;
    member(env, "validate", &FORMAT, vec![STRING_TYPE], validate)
}

fn by_name<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let name = text(&args, 0)?;
    let known = FORMATS.iter().find(|(format, _)| format.name == name);
    let known = known.map(|(format, _)| Box::new(*format) as Box<dyn Val>);
    Ok(CowVal::owned(CelOptional::from(known)))
}

/// What is wrong with a text; nothing at all when nothing is.
fn validate<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let target = args
        .first()
        .ok_or_else(ExecutionError::missing_argument_or_target)?;
    let format = target
        .downcast_ref::<Format>()
        .ok_or_else(|| unexpected(target.as_ref(), "kubernetes.NamedFormat"))?;
    let problems = (format.problems)(text(&args, 1)?);
    let list = (!problems.is_empty()).then(|| {
        let problems = problems.into_iter();
        let problems = problems.map(|text| Box::new(CelString::from(text)) as Box<dyn Val>);
        Box::new(CelList::from(problems.collect::<Vec<_>>())) as Box<dyn Val>
    });
    Ok(CowVal::owned(CelOptional::from(list)))
}

fn unless(fits: bool, problem: &str) -> Vec<String> {
    if fits {
        Vec::new()
    } else {
        vec![problem.to_owned()]
    }
}

fn uuid(text: &str) -> Vec<String> {
    unless(Text::Uuid.accepts(text), "does not match the UUID format")
}

fn byte(text: &str) -> Vec<String> {
    unless(Text::Byte.accepts(text), "invalid base64")
}

fn date(text: &str) -> Vec<String> {
    unless(Text::Date.accepts(text), "invalid date")
}

fn datetime(text: &str) -> Vec<String> {
    unless(Text::DateTime.accepts(text), "invalid datetime")
}
