//! Finds what an expression gets wrong before it runs: unknown names and fields, and operands of different types.
//!
//! It infers as much as the schema tells and takes everything else for `dyn`. So it refuses less than a full type checker
//! would, and what it misses fails when the rule runs.

mod library;
mod signatures;
mod types;

use ::cel::IdedExpr;
use ::cel::Program;
use ::cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, SelectExpr, SourceInfo,
};

use super::source::{Problem, located};
use super::{functions, names, value};
use types::{DYN, Type, literal_kind};

use crate::schema::node::{JsonType, Node};
pub(super) use types::Kind;

/// Whether a function that is no method has this name.
pub(super) fn is_function(name: &str) -> bool {
    signatures::is_global(name) || library::is_global(name)
}

/// What a rule is about.
pub(super) struct Context<'a> {
    pub(super) node: &'a Node,
    pub(super) is_object: bool,
    pub(super) optional_old_self: bool,
}

/// An expression without mistakes.
pub(super) struct Checked {
    pub(super) expression: IdedExpr,
    pub(super) uses_old_self: bool,
}

/// Checks an expression and what it computes.
pub(super) fn check(
    source: &str,
    program: Program,
    context: &Context<'_>,
    wanted: Kind,
) -> Result<Checked, Problem> {
    let mut checker = Checker {
        context,
        info: program.source_info(),
        scopes: Vec::new(),
        problems: Vec::new(),
        uses_old_self: false,
    };
    let result = checker.infer(program.expression()).kind();
    let uses_old_self = checker.uses_old_self;
    if !checker.problems.is_empty() {
        let lines: Vec<String> = checker
            .problems
            .iter()
            .map(|(offset, problem)| {
                let (line, column) = place(source, *offset);
                located(source, line, column, problem)
            })
            .collect();
        return Err(Problem::Compile(lines.join("\n")));
    }
    if result != wanted && result != Kind::Dyn {
        return Err(Problem::Result(if wanted == Kind::Bool {
            "bool"
        } else {
            "string"
        }));
    }
    Ok(Checked {
        expression: program.expression().clone(),
        uses_old_self,
    })
}

/// Line and column of an offset in characters, both from 1.
fn place(source: &str, offset: usize) -> (usize, usize) {
    let before: String = source.chars().take(offset).collect();
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .map_or(0, |last| last.chars().count())
        + 1;
    (line, column)
}

struct Checker<'a> {
    context: &'a Context<'a>,
    info: &'a SourceInfo,
    scopes: Vec<(String, Type<'a>)>,
    problems: Vec<(usize, String)>,
    uses_old_self: bool,
}

impl<'a> Checker<'a> {
    fn problem(&mut self, id: u64, problem: String) {
        let offset = self
            .info
            .offset_for(id)
            .map_or(0, |(start, _)| start as usize);
        self.problems.push((offset, problem));
    }

    fn infer(&mut self, expression: &IdedExpr) -> Type<'a> {
        match &expression.expr {
            Expr::Literal(literal) => Type::Of(literal_kind(literal)),
            Expr::Ident(name) => self.name(expression.id, name),
            Expr::Select(select) => self.select(expression.id, select),
            Expr::Call(call) => self.call(expression.id, call),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::List(list) => {
                let kinds: Vec<Kind> = list
                    .elements
                    .iter()
                    .map(|element| self.infer(element).kind())
                    .collect();
                match kinds.as_slice() {
                    // An element may be optional: `[?x]`.
                    [first, rest @ ..]
                        if list.optional_indices.is_empty()
                            && rest.iter().all(|kind| kind == first) =>
                    {
                        Type::ListOf(*first)
                    }
                    _ => Type::Of(Kind::List),
                }
            }
            Expr::Map(map) => {
                map.entries.iter().for_each(|entry| self.entry(&entry.expr));
                Type::Of(Kind::Map)
            }
            Expr::Struct(value) => {
                self.problem(
                    expression.id,
                    format!(
                        "undeclared reference to '{}' (in container '')",
                        value.type_name
                    ),
                );
                DYN
            }
            Expr::Unspecified => {
                self.problem(expression.id, "expression is empty".to_owned());
                DYN
            }
        }
    }

    fn entry(&mut self, entry: &EntryExpr) {
        match entry {
            EntryExpr::StructField(field) => {
                self.infer(&field.value);
            }
            EntryExpr::MapEntry(entry) => {
                self.infer(&entry.key);
                self.infer(&entry.value);
            }
        }
    }

    fn name(&mut self, id: u64, name: &str) -> Type<'a> {
        if let Some((_, known)) = self.scopes.iter().rev().find(|(scoped, _)| scoped == name) {
            return *known;
        }
        match name {
            "self" => Type::of_node(self.context.node, self.context.is_object),
            "oldSelf" => {
                self.uses_old_self = true;
                if self.context.optional_old_self {
                    DYN
                } else {
                    Type::of_node(self.context.node, self.context.is_object)
                }
            }
            _ if library::TYPES.contains(&name) => DYN,
            _ => {
                self.problem(
                    id,
                    format!("undeclared reference to '{name}' (in container '')"),
                );
                DYN
            }
        }
    }

    fn select(&mut self, id: u64, select: &SelectExpr) -> Type<'a> {
        let operand = self.infer(&select.operand);
        let field = self.field(id, operand, &select.field);
        if select.test {
            Type::Of(Kind::Bool)
        } else {
            field
        }
    }

    fn field(&mut self, id: u64, operand: Type<'a>, field: &str) -> Type<'a> {
        match operand {
            Type::Of(Kind::Dyn | Kind::Map) => DYN,
            Type::Metadata if matches!(field, "name" | "generateName") => Type::Of(Kind::Text),
            Type::Node(node, _)
                if node.kind == Some(JsonType::Object) && node.values().is_some() =>
            {
                operand.indexed()
            }
            Type::Node(_, true) if matches!(field, "apiVersion" | "kind") => Type::Of(Kind::Text),
            Type::Node(_, true) if field == "metadata" => Type::Metadata,
            Type::Node(node, _) if node.kind == Some(JsonType::Object) => {
                let known = node.properties.iter().find(|(name, schema)| {
                    value::is_visible(schema)
                        && names::escape(name).is_some_and(|escaped| escaped == field)
                });
                match known {
                    Some((_, schema)) => Type::of_node(schema, schema.embedded),
                    None => self.undefined(id, field),
                }
            }
            Type::Metadata => self.undefined(id, field),
            other => {
                self.problem(
                    id,
                    format!("type '{}' does not support field selection", other.kind()),
                );
                DYN
            }
        }
    }

    fn undefined(&mut self, id: u64, field: &str) -> Type<'a> {
        self.problem(id, format!("undefined field '{field}'"));
        DYN
    }

    fn comprehension(&mut self, comprehension: &ComprehensionExpr) -> Type<'a> {
        let range = self.infer(&comprehension.iter_range);
        if !matches!(range.kind(), Kind::Dyn | Kind::List | Kind::Map) {
            let problem = format!(
                "expression of type '{}' cannot be range of a comprehension (must be list, map, or dynamic)",
                range.kind()
            );
            self.problem(comprehension.iter_range.id, problem);
        }
        let accumulator = self.infer(&comprehension.accu_init);
        self.scopes
            .push((comprehension.accu_var.clone(), accumulator));
        let mark = self.scopes.len();
        match &comprehension.iter_var2 {
            None => self
                .scopes
                .push((comprehension.iter_var.clone(), range.element())),
            Some(second) => {
                let key = if range.kind() == Kind::List {
                    Type::Of(Kind::Int)
                } else {
                    range.element()
                };
                self.scopes.push((comprehension.iter_var.clone(), key));
                self.scopes.push((second.clone(), range.indexed()));
            }
        }
        self.infer(&comprehension.loop_cond);
        self.infer(&comprehension.loop_step);
        self.scopes.truncate(mark);
        let result = self.infer(&comprehension.result);
        self.scopes.truncate(mark - 1);
        result
    }

    fn call(&mut self, id: u64, call: &CallExpr) -> Type<'a> {
        if let Some(namespace) = self.namespace(call) {
            let name = format!("{namespace}.{}", call.func_name);
            let args: Vec<Type<'a>> = call.args.iter().map(|arg| self.infer(arg)).collect();
            return self
                .declared(id, &name, None, &args)
                .unwrap_or_else(|| Type::Of(library::result(&name)));
        }
        let target = call.target.as_deref().map(|target| self.infer(target));
        let args: Vec<Type<'a>> = call.args.iter().map(|arg| self.infer(arg)).collect();
        if let Some(result) = self.declared(id, &call.func_name, target, &args) {
            return result;
        }
        match (call.func_name.as_str(), target, args.as_slice()) {
            ("_?_:_", None, [_, yes, no]) => signatures::common(*yes, *no),
            ("_[_]", None, [operand, _]) => operand.indexed(),
            ("_?._", None, [operand, _]) => {
                if let Some(Expr::Literal(LiteralValue::String(field))) =
                    call.args.get(1).map(|arg| &arg.expr)
                {
                    self.field(id, *operand, field.inner());
                }
                DYN
            }
            (name, None, [left, right]) if library::is_operator(name) => {
                self.binary(id, name, *left, *right)
            }
            ("!_", None, [operand]) => {
                if !matches!(operand.kind(), Kind::Bool | Kind::Dyn) {
                    self.no_overload(id, "!_", &format!("({})", operand.kind()));
                }
                Type::Of(Kind::Bool)
            }
            ("-_", None, [operand]) => *operand,
            (name, None, _) => self.function(id, name, library::is_global(name)),
            (name, Some(target), _) => {
                self.member(id, name, target, &args);
                self.function(id, name, library::is_member(name))
            }
        }
    }

    /// `math.f(x)` is a call of `math.f`, not of a method of a value `math`.
    fn namespace<'c>(&self, call: &'c CallExpr) -> Option<&'c str> {
        match call.target.as_deref().map(|target| &target.expr) {
            Some(Expr::Ident(name))
                if functions::is_namespace(name)
                    && is_function(&format!("{name}.{}", call.func_name))
                    && !self.scopes.iter().any(|(scoped, _)| scoped == name) =>
            {
                Some(name)
            }
            _ => None,
        }
    }

    /// The type of a call of a function with signatures.
    fn declared(
        &mut self,
        id: u64,
        name: &str,
        target: Option<Type<'a>>,
        args: &[Type<'a>],
    ) -> Option<Type<'a>> {
        let result = signatures::resolve(name, target, args)?;
        Some(result.unwrap_or_else(|signatures::NoOverload| {
            self.no_overload(id, name, &signatures::shown(target, args));
            DYN
        }))
    }

    fn function(&mut self, id: u64, name: &str, is_known: bool) -> Type<'a> {
        if !is_known {
            self.problem(
                id,
                format!("undeclared reference to '{name}' (in container '')"),
            );
        }
        Type::Of(library::result(name))
    }

    /// Methods of strings are the ones people get wrong.
    fn member(&mut self, id: u64, name: &str, target: Type<'a>, args: &[Type<'a>]) {
        let takes_text = matches!(
            name,
            "startsWith"
                | "endsWith"
                | "contains"
                | "matches"
                | "lowerAscii"
                | "upperAscii"
                | "trim"
        );
        let is_off = |kind: Kind| !matches!(kind, Kind::Text | Kind::Dyn);
        if takes_text && (is_off(target.kind()) || args.iter().any(|arg| is_off(arg.kind()))) {
            let args: Vec<String> = args.iter().map(|arg| arg.kind().to_string()).collect();
            self.no_overload(
                id,
                name,
                &format!("{}.({})", target.kind(), args.join(", ")),
            );
        }
    }

    fn binary(&mut self, id: u64, operator: &str, left: Type<'a>, right: Type<'a>) -> Type<'a> {
        let (l, r) = (left.kind(), right.kind());
        let fits = library::fits(operator, l, r)
            && (operator != "@in" || signatures::can_be_in(left, right));
        if !fits {
            self.no_overload(id, operator, &signatures::shown(None, &[left, right]));
        }
        Type::Of(library::binary_result(operator, l, r))
    }

    fn no_overload(&mut self, id: u64, name: &str, signature: &str) {
        self.problem(
            id,
            format!("found no matching overload for '{name}' applied to '{signature}'"),
        );
    }
}
