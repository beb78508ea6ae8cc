//! `format.dns1123Label().validate(self.name)`: formats that text can be held against.

mod names;
mod uri;

use ::cel::common::types::{CelList, CelOptional, CelString, STRING_TYPE, Type};
use ::cel::common::value::{CowVal, Val};
use ::cel::{DeclarationError, Env};

use super::functions::{Args, Outcome, member, text};
use super::opaque::{argument, opaque};
use crate::schema::format::Format as Text;

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

impl PartialEq for Format {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

opaque!(Format, FORMAT);

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
    let format: &Format = argument(&args, 0)?;
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
