//! The `fieldPath` of a rule: a path of fields below the value, checked against the schema.

use super::super::node::Node;

/// The path in the notation of messages (`a.b[key]`), or nothing where it names no field.
pub(super) fn normalize(path: &str, node: &Node) -> Option<String> {
    let mut out = String::new();
    let mut node = node;
    let mut rest = path;
    while !rest.is_empty() {
        let (name, next) = step(rest)?;
        rest = next;
        node = if node.properties.is_empty() {
            out.push('[');
            out.push_str(&name);
            out.push(']');
            node.values()?
        } else {
            if !out.is_empty() {
                out.push('.');
            }
            out.push_str(&name);
            node.properties.get(&name)?
        };
    }
    Some(out).filter(|out| !out.is_empty())
}

/// One `.name` or `['name']`.
fn step(path: &str) -> Option<(String, &str)> {
    if let Some(rest) = path.strip_prefix("['") {
        let mut name = String::new();
        let mut characters = rest.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '\'' => return Some((name, rest[at + 1..].strip_prefix(']')?)),
                '\\' => name.push(characters.next()?.1),
                other => name.push(other),
            }
        }
        return None;
    }
    let rest = path.strip_prefix('.')?;
    let end = rest.find(['.', '[']).unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    (!name.is_empty()).then(|| (name.to_owned(), rest))
}
