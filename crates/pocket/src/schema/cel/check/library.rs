//! The names that expressions may use, and what operators accept.

use super::Kind;

/// Type names, which are values too.
pub(super) const TYPES: [&str; 16] = [
    "bool",
    "bytes",
    "double",
    "dyn",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "type",
    "uint",
    "optional_type",
    "google",
    "timestamp",
    "duration",
    "net",
];

const GLOBALS: &[&str] = &[
    "bool",
    "bytes",
    "double",
    "duration",
    "dyn",
    "int",
    "matches",
    "size",
    "string",
    "timestamp",
    "type",
    "uint",
    "isURL",
    "url",
    "optional.none",
    "optional.of",
    "optional.ofNonZeroValue",
    "sets.contains",
    "sets.equivalent",
    "sets.intersects",
    "strings.quote",
    "@in",
    "@not_strictly_false",
    "_[?_]",
    "_[_]",
    "_?._",
    "_?_:_",
    "!_",
    "-_",
];

const MEMBERS: &[&str] = &[
    "charAt",
    "contains",
    "endsWith",
    "format",
    "indexOf",
    "join",
    "lastIndexOf",
    "lowerAscii",
    "matches",
    "replace",
    "size",
    "split",
    "startsWith",
    "substring",
    "trim",
    "upperAscii",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getFullYear",
    "getHours",
    "getMilliseconds",
    "getMinutes",
    "getMonth",
    "getSeconds",
    "hasValue",
    "or",
    "orValue",
    "value",
    "isSorted",
    "sum",
    "min",
    "max",
    "find",
    "findAll",
    "getEscapedPath",
    "getHost",
    "getHostname",
    "getPort",
    "getQuery",
    "getScheme",
];

const OPERATORS: [&str; 14] = [
    "_&&_", "_||_", "_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "_+_", "_-_", "_*_", "_/_",
    "_%_", "@in",
];

pub(super) fn is_global(name: &str) -> bool {
    GLOBALS.contains(&name) || OPERATORS.contains(&name)
}

pub(super) fn is_member(name: &str) -> bool {
    MEMBERS.contains(&name)
}

pub(super) fn is_operator(name: &str) -> bool {
    OPERATORS.contains(&name)
}

/// What a call yields, where it is always the same.
pub(super) fn result(name: &str) -> Kind {
    match name {
        "size" | "indexOf" | "lastIndexOf" | "int" => Kind::Int,
        "bool"
        | "matches"
        | "startsWith"
        | "endsWith"
        | "contains"
        | "hasValue"
        | "isSorted"
        | "isURL"
        | "sets.contains"
        | "sets.equivalent"
        | "sets.intersects"
        | "@not_strictly_false" => Kind::Bool,
        "string" | "lowerAscii" | "upperAscii" | "trim" | "replace" | "substring" | "charAt"
        | "join" | "format" | "find" | "getScheme" | "getHost" | "getHostname" | "getPort"
        | "getEscapedPath" | "strings.quote" => Kind::Text,
        "double" => Kind::Double,
        "uint" => Kind::UInt,
        "bytes" => Kind::Bytes,
        "timestamp" => Kind::Timestamp,
        "duration" => Kind::Duration,
        "split" | "findAll" => Kind::List,
        _ => Kind::Dyn,
    }
}

fn is_number(kind: Kind) -> bool {
    matches!(kind, Kind::Int | Kind::UInt | Kind::Double)
}

/// Whether an operator takes these operands.
pub(super) fn fits(operator: &str, left: Kind, right: Kind) -> bool {
    if operator == "@in" {
        return matches!(right, Kind::Dyn | Kind::List | Kind::Map);
    }
    if matches!(operator, "_&&_" | "_||_") {
        return [left, right]
            .iter()
            .all(|kind| matches!(kind, Kind::Bool | Kind::Dyn));
    }
    if left == Kind::Dyn || right == Kind::Dyn {
        return true;
    }
    match operator {
        "_==_" | "_!=_" => left == right,
        "_<_" | "_<=_" | "_>_" | "_>=_" => {
            (is_number(left) && is_number(right))
                || (left == right && !matches!(left, Kind::List | Kind::Map | Kind::Opaque(_)))
        }
        "_+_" => {
            (left == right
                && !matches!(
                    left,
                    Kind::Bool | Kind::Map | Kind::Timestamp | Kind::Opaque(_)
                ))
                || matches!(
                    (left, right),
                    (Kind::Timestamp, Kind::Duration) | (Kind::Duration, Kind::Timestamp)
                )
        }
        "_-_" => {
            (left == right && (is_number(left) || matches!(left, Kind::Timestamp | Kind::Duration)))
                || (left, right) == (Kind::Timestamp, Kind::Duration)
        }
        "_*_" | "_/_" => left == right && is_number(left),
        "_%_" => left == right && matches!(left, Kind::Int | Kind::UInt),
        _ => true,
    }
}

/// What an operator yields.
pub(super) fn binary_result(operator: &str, left: Kind, right: Kind) -> Kind {
    match operator {
        "_+_" | "_-_" | "_*_" | "_/_" | "_%_" if left == right && left != Kind::Timestamp => left,
        "_+_" | "_-_" | "_*_" | "_/_" | "_%_" => Kind::Dyn,
        _ => Kind::Bool,
    }
}
