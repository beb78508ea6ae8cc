//! What the functions of the libraries take and give; a call that fits none of its signatures is refused.

use super::types::{DYN, Kind, Type};

/// A function of that name takes no such arguments.
pub(super) struct NoOverload;

/// The type of a receiver, `None` for a function that is no method; the arguments; the result.
type Signature = (&'static str, Option<Kind>, &'static [Kind], Kind);

const LIST: Option<Kind> = Some(Kind::List);
const QUANTITY: Kind = Kind::Opaque("kubernetes.Quantity");
const ON_QUANTITY: Option<Kind> = Some(QUANTITY);
const IP: Kind = Kind::Opaque("net.IP");
const ON_IP: Option<Kind> = Some(IP);
const CIDR: Kind = Kind::Opaque("net.CIDR");
const ON_CIDR: Option<Kind> = Some(CIDR);
const FORMAT: Kind = Kind::Opaque("kubernetes.NamedFormat");
const SEMVER: Kind = Kind::Opaque("kubernetes.Semver");
const ON_SEMVER: Option<Kind> = Some(SEMVER);

/// `Dyn` stands for anything; results that depend on the element type are in [`refined`].
const SIGNATURES: &[Signature] = &[
    ("lists.range", None, &[Kind::Int], Kind::List),
    ("distinct", LIST, &[], Kind::List),
    ("sort", LIST, &[], Kind::List),
    ("slice", LIST, &[Kind::Int, Kind::Int], Kind::List),
    ("flatten", LIST, &[], Kind::List),
    ("flatten", LIST, &[Kind::Int], Kind::List),
    ("reverse", LIST, &[], Kind::List),
    ("first", LIST, &[], Kind::Dyn),
    ("last", LIST, &[], Kind::Dyn),
    ("@sortByAssociatedKeys", LIST, &[Kind::List], Kind::List),
    ("quantity", None, &[Kind::Text], QUANTITY),
    ("isQuantity", None, &[Kind::Text], Kind::Bool),
    ("sign", ON_QUANTITY, &[], Kind::Int),
    ("isInteger", ON_QUANTITY, &[], Kind::Bool),
    ("asInteger", ON_QUANTITY, &[], Kind::Int),
    ("asApproximateFloat", ON_QUANTITY, &[], Kind::Double),
    ("add", ON_QUANTITY, &[QUANTITY], QUANTITY),
    ("add", ON_QUANTITY, &[Kind::Int], QUANTITY),
    ("sub", ON_QUANTITY, &[QUANTITY], QUANTITY),
    ("sub", ON_QUANTITY, &[Kind::Int], QUANTITY),
    ("isLessThan", ON_QUANTITY, &[QUANTITY], Kind::Bool),
    ("isGreaterThan", ON_QUANTITY, &[QUANTITY], Kind::Bool),
    ("compareTo", ON_QUANTITY, &[QUANTITY], Kind::Int),
    ("ip", None, &[Kind::Text], IP),
    ("isIP", None, &[Kind::Text], Kind::Bool),
    ("ip.isCanonical", None, &[Kind::Text], Kind::Bool),
    ("family", ON_IP, &[], Kind::Int),
    ("isUnspecified", ON_IP, &[], Kind::Bool),
    ("isLoopback", ON_IP, &[], Kind::Bool),
    ("isLinkLocalMulticast", ON_IP, &[], Kind::Bool),
    ("isLinkLocalUnicast", ON_IP, &[], Kind::Bool),
    ("isGlobalUnicast", ON_IP, &[], Kind::Bool),
    ("cidr", None, &[Kind::Text], CIDR),
    ("isCIDR", None, &[Kind::Text], Kind::Bool),
    ("containsIP", ON_CIDR, &[IP], Kind::Bool),
    ("containsIP", ON_CIDR, &[Kind::Text], Kind::Bool),
    ("containsCIDR", ON_CIDR, &[CIDR], Kind::Bool),
    ("containsCIDR", ON_CIDR, &[Kind::Text], Kind::Bool),
    ("ip", ON_CIDR, &[], IP),
    ("masked", ON_CIDR, &[], CIDR),
    ("prefixLength", ON_CIDR, &[], Kind::Int),
    ("semver", None, &[Kind::Text], SEMVER),
    ("semver", None, &[Kind::Text, Kind::Bool], SEMVER),
    ("isSemver", None, &[Kind::Text], Kind::Bool),
    ("isSemver", None, &[Kind::Text, Kind::Bool], Kind::Bool),
    ("major", ON_SEMVER, &[], Kind::Int),
    ("minor", ON_SEMVER, &[], Kind::Int),
    ("patch", ON_SEMVER, &[], Kind::Int),
    ("isLessThan", ON_SEMVER, &[SEMVER], Kind::Bool),
    ("isGreaterThan", ON_SEMVER, &[SEMVER], Kind::Bool),
    ("compareTo", ON_SEMVER, &[SEMVER], Kind::Int),
    ("format.named", None, &[Kind::Text], Kind::Dyn),
    ("format.dns1123Label", None, &[], FORMAT),
    ("format.dns1123Subdomain", None, &[], FORMAT),
    ("format.dns1035Label", None, &[], FORMAT),
    ("format.qualifiedName", None, &[], FORMAT),
    ("format.dns1123LabelPrefix", None, &[], FORMAT),
    ("format.dns1123SubdomainPrefix", None, &[], FORMAT),
    ("format.dns1035LabelPrefix", None, &[], FORMAT),
    ("format.labelValue", None, &[], FORMAT),
    ("format.uri", None, &[], FORMAT),
    ("format.uuid", None, &[], FORMAT),
    ("format.byte", None, &[], FORMAT),
    ("format.date", None, &[], FORMAT),
    ("format.datetime", None, &[], FORMAT),
    ("validate", Some(FORMAT), &[Kind::Text], Kind::Dyn),
];

/// The type of a call; `None` if nothing is declared for this name.
pub(super) fn resolve<'a>(
    name: &str,
    target: Option<Type<'a>>,
    args: &[Type<'a>],
) -> Option<Result<Type<'a>, NoOverload>> {
    let mut named = SIGNATURES
        .iter()
        .filter(|(known, receiver, ..)| *known == name && receiver.is_some() == target.is_some())
        .peekable();
    named.peek()?;
    let fitting = named.find(|(_, receiver, parameters, _)| {
        receiver
            .zip(target)
            .is_none_or(|(wanted, given)| is_a(given, wanted))
            && parameters.len() == args.len()
            && parameters
                .iter()
                .zip(args)
                .all(|(wanted, given)| is_a(*given, *wanted))
    });
    let Some((.., result)) = fitting else {
        return Some(Err(NoOverload));
    };
    Some(refined(name, target, args).map(|known| known.unwrap_or(Type::Of(*result))))
}

fn is_a(given: Type<'_>, wanted: Kind) -> bool {
    let given = given.kind();
    given == wanted || given == Kind::Dyn || wanted == Kind::Dyn
}

/// What the elements of a list say about a function of lists.
fn refined<'a>(
    name: &str,
    target: Option<Type<'a>>,
    args: &[Type<'a>],
) -> Result<Option<Type<'a>>, NoOverload> {
    let is_list = |list: &Type<'a>| list.kind() == Kind::List;
    let has_order = |list: Type<'a>| {
        !matches!(
            list.element().kind(),
            Kind::List | Kind::Map | Kind::Opaque(_)
        )
    };
    let known = target.filter(is_list);
    match (name, known) {
        ("lists.range", _) => Ok(Some(Type::ListOf(Kind::Int))),
        ("flatten", Some(list)) => match list.element() {
            inner if inner.kind() == Kind::List && args.is_empty() => Ok(Some(inner)),
            inner if matches!(inner.kind(), Kind::List | Kind::Dyn) => Ok(None),
            _ => Err(NoOverload),
        },
        ("sort", Some(list)) if !has_order(list) => Err(NoOverload),
        ("@sortByAssociatedKeys", _) if !args.iter().all(|keys| has_order(*keys)) => {
            Err(NoOverload)
        }
        ("distinct" | "sort" | "slice" | "reverse" | "@sortByAssociatedKeys", list) => Ok(list),
        _ => Ok(None),
    }
}

/// Whether a function that is no method has this name.
pub(super) fn is_global(name: &str) -> bool {
    SIGNATURES
        .iter()
        .any(|(known, receiver, ..)| *known == name && receiver.is_none())
}

/// Whether something of this type can be an element of a list or a key of a map.
pub(super) fn can_be_in(item: Type<'_>, collection: Type<'_>) -> bool {
    is_a(item, collection.element().kind())
}

/// A call as problems show it.
pub(super) fn shown(target: Option<Type<'_>>, args: &[Type<'_>]) -> String {
    let args: Vec<String> = args.iter().map(|arg| arg.shown()).collect();
    let target = target.map_or_else(String::new, |target| format!("{}.", target.shown()));
    format!("{target}({})", args.join(", "))
}

/// What both alternatives are.
pub(super) fn common<'a>(yes: Type<'a>, no: Type<'a>) -> Type<'a> {
    if yes.kind() != no.kind() {
        return DYN;
    }
    if yes.kind() == Kind::List && yes.element().kind() != no.element().kind() {
        return Type::Of(Kind::List);
    }
    yes
}
