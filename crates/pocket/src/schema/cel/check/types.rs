//! What is known about the type of an expression.

use std::fmt;

use ::cel::common::ast::LiteralValue;

use crate::schema::format::Format;
use crate::schema::node::{JsonType, Node};

/// What is known about the type of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::schema::cel) enum Kind {
    Dyn,
    Bool,
    Int,
    UInt,
    Double,
    Text,
    Bytes,
    Timestamp,
    Duration,
    List,
    Map,
    /// A value of a library.
    Opaque(&'static str),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dyn => "dyn",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::UInt => "uint",
            Self::Double => "double",
            Self::Text => "string",
            Self::Bytes => "bytes",
            Self::Timestamp => "timestamp",
            Self::Duration => "duration",
            Self::List => "list",
            Self::Map => "map",
            Self::Opaque(name) => name,
        })
    }
}

/// A type: a kind, or a place in the schema.
#[derive(Clone, Copy)]
pub(super) enum Type<'a> {
    Of(Kind),
    /// A list of elements of one kind.
    ListOf(Kind),
    /// A list, map or object of the schema; `true` for an object with a kind and metadata.
    Node(&'a Node, bool),
    /// The metadata that rules may see.
    Metadata,
}

pub(super) const DYN: Type<'static> = Type::Of(Kind::Dyn);

impl<'a> Type<'a> {
    pub(super) fn of_node(node: &'a Node, is_object: bool) -> Self {
        if node.int_or_string || node.nullable {
            return DYN;
        }
        let format = node
            .limits
            .as_deref()
            .and_then(|limits| limits.format.as_ref())
            .map(|(_, format)| *format);
        match (node.kind, format) {
            (Some(JsonType::Object | JsonType::Array), _) => Self::Node(node, is_object),
            (Some(JsonType::Boolean), _) => Self::Of(Kind::Bool),
            (Some(JsonType::Integer), _) => Self::Of(Kind::Int),
            (Some(JsonType::Number), _) => Self::Of(Kind::Double),
            (Some(JsonType::String), Some(Format::DateTime | Format::Date)) => {
                Self::Of(Kind::Timestamp)
            }
            (Some(JsonType::String), Some(Format::Duration)) => Self::Of(Kind::Duration),
            (Some(JsonType::String), Some(Format::Byte)) => Self::Of(Kind::Bytes),
            (Some(JsonType::String), _) => Self::Of(Kind::Text),
            (None, _) => DYN,
        }
    }

    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Of(kind) => kind,
            Self::ListOf(_) => Kind::List,
            Self::Node(node, _) if node.kind == Some(JsonType::Array) => Kind::List,
            Self::Node(..) | Self::Metadata => Kind::Map,
        }
    }

    /// What walking it yields: items of a list, keys of a map.
    pub(super) fn element(self) -> Self {
        match self {
            Self::Node(node, _) if node.kind == Some(JsonType::Array) => node
                .items
                .as_deref()
                .map_or(DYN, |items| Type::of_node(items, items.embedded)),
            Self::Node(..) | Self::Metadata => Self::Of(Kind::Text),
            Self::ListOf(kind) => Self::Of(kind),
            Self::Of(_) => DYN,
        }
    }

    /// How problems show it.
    pub(super) fn shown(self) -> String {
        match (self.kind(), self.element()) {
            (Kind::List, element) if element.kind() != Kind::Dyn => {
                format!("list({})", element.shown())
            }
            (kind, _) => kind.to_string(),
        }
    }

    /// What indexing it yields.
    pub(super) fn indexed(self) -> Self {
        match self {
            Self::Node(node, _) if node.kind == Some(JsonType::Object) => node
                .values()
                .map_or(DYN, |values| Type::of_node(values, values.embedded)),
            other => other.element(),
        }
    }
}

/// The type of a literal.
pub(super) fn literal_kind(literal: &LiteralValue) -> Kind {
    match literal {
        LiteralValue::Boolean(_) => Kind::Bool,
        LiteralValue::Bytes(_) => Kind::Bytes,
        LiteralValue::Double(_) => Kind::Double,
        LiteralValue::Int(_) => Kind::Int,
        LiteralValue::Null => Kind::Dyn,
        LiteralValue::String(_) => Kind::Text,
        LiteralValue::UInt(_) => Kind::UInt,
    }
}
