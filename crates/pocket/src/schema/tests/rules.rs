//! Rules at work.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::{lines, with_field, with_spec};

/// The schema of a `spec` with this rule.
pub(super) fn ruled(rule: &str) -> Value {
    json!({
        "type": "object",
        "properties": {
            "n": {"type": "integer"}, "f": {"type": "number"}, "s": {"type": "string"}, "b": {"type": "boolean"},
            "port": {"x-kubernetes-int-or-string": true},
            "when": {"type": "string", "format": "date-time"}, "span": {"type": "string", "format": "duration"},
            "list": {"type": "array", "items": {"type": "integer"}},
            "lists": {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}},
            "objects": {"type": "array", "items": {"type": "object", "properties": {"x": {"type": "integer"}}}},
            "names": {"type": "array", "items": {"type": "string"}},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "a-b": {"type": "string"}, "namespace": {"type": "string"},
            "nested": {"type": "object", "properties": {"x": {"type": "integer"}}}
        },
        "x-kubernetes-validations": [{"rule": rule}]
    })
}

/// Whether a rule on `spec` holds.
pub(super) fn holds(rule: &str, spec: &Value) -> Vec<String> {
    let schema = with_spec(&ruled(rule));
    lines(&schema.validate(&json!({"spec": spec}), None))
}

const TRUE_RULES: &[&str] = &[
    "size(self.s) == 5",
    "self.s.size() == 5",
    "self.s.matches('^H\\\\w+$')",
    "has(self.nested.x)",
    "!has(self.nested.x) || self.nested.x == 1",
    "self.list.all(i, i > 0)",
    "self.list.exists(i, i == 2)",
    "self.list.exists_one(i, i == 2)",
    "self.list.map(i, i * 2) == [2, 4, 6]",
    "self.list.filter(i, i > 1).size() == 2",
    "self.s.startsWith('He')",
    "self.s.endsWith('lo')",
    "self.s.contains('ell')",
    "self.s.lowerAscii() == 'hello'",
    "self.s.upperAscii() == 'HELLO'",
    "'a,b'.split(',') == ['a', 'b']",
    "' a '.trim() == 'a'",
    "self.s.replace('l', 'L') == 'HeLLo'",
    "self.s.substring(1, 3) == 'el'",
    "self.s.indexOf('l') == 2",
    "self.names.join('-') == 'a-b'",
    "self.list.isSorted()",
    "self.list.sum() == 6",
    "self.list.min() == 1",
    "self.list.max() == 3",
    "self.list.indexOf(2) == 1",
    "self.names.lastIndexOf('z') == -1",
    "sets.contains(self.names, ['a'])",
    "sets.equivalent(self.names, ['b', 'a'])",
    "quantity('1Gi').compareTo(quantity('1024Mi')) == 0",
    "quantity('500m').isLessThan(quantity('1'))",
    "isQuantity('5Gi')",
    "!isQuantity('x')",
    "quantity('1Gi').sub(quantity('512Mi')).isGreaterThan(quantity('500Mi'))",
    "quantity('50k').asInteger() == 50000",
    "isURL('https://example.org:80/a?b=c')",
    "url('https://example.org:80/a?b=c').getHost() == 'example.org:80'",
    "url('https://example.org:80/a?b=c').getHostname() == 'example.org'",
    "url('/a?b=c').getQuery() == {'b': ['c']}",
    "self.when > timestamp('2026-01-01T00:00:00Z')",
    "self.span == duration('1m30s')",
    "self.span < duration('2h')",
    "self.labels['x/y'] == '1'",
    "self.labels.all(k, k.size() > 1)",
    "'x/y' in self.labels",
    "2 in self.list",
    "self.a__dash__b == 'c'",
    "self.__namespace__ == 'd'",
    "type(self.port) == string",
    "self.f == 2.0",
    "self.b ? self.n == 3 : false",
    "'abc 123'.find('[0-9]+') == '123'",
    "'1 2'.findAll('[0-9]') == ['1', '2']",
    "isIP('10.0.0.1') && isCIDR('10.0.0.0/8')",
    "self.?nested.?x.orValue(5) == 1",
    "'%s-%d'.format(['a', 1]) == 'a-1'",
    "self.n <= 3.5",
    "self.list.all(i, self.names.exists(n, n == 'a'))",
    "string(self.n) == '3'",
    "int('3') == self.n",
    "self.nested == {'x': 1}",
];

#[test]
fn common_rules_hold_and_fail() {
    let spec = json!({
        "n": 3, "f": 2, "s": "Hello", "b": true, "port": "http", "when": "2026-11-22T10:00:00Z", "span": "90s",
        "list": [1, 2, 3], "names": ["a", "b"], "labels": {"x/y": "1"}, "a-b": "c", "namespace": "d", "nested": {"x": 1}
    });
    for rule in TRUE_RULES {
        assert_eq!(holds(rule, &spec), [""; 0], "{rule}");
    }
    assert_eq!(
        holds("self.n > 3", &spec),
        ["spec: Invalid value: failed rule: self.n > 3"]
    );
    assert_eq!(
        holds("self.nested.x > 0", &json!({"nested": {}})),
        ["spec: Invalid value: \"object\": no such key: x evaluating rule: self.nested.x > 0"]
    );
    assert_eq!(
        holds("self.list[5] > 0", &spec),
        [
            "spec: Invalid value: \"object\": index out of bounds: 5 evaluating rule: self.list[5] > 0"
        ]
    );
    assert_eq!(
        holds("self.port > 5", &spec),
        [
            "spec: Invalid value: \"object\": 'no such overload': call arguments did not match a supported operator, function or macro signature for rule: self.port > 5"
        ]
    );
}

#[test]
fn messages_reasons_and_field_paths_are_used() {
    let with = |extra: Value| {
        let mut rule = json!({"rule": "self.n > 3", "message": " n is low "});
        rule.as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        let schema = with_spec(
            &json!({"type": "object", "properties": {"n": {"type": "integer"}, "m": {"type": "object",
            "additionalProperties": {"type": "string"}}}, "x-kubernetes-validations": [rule]}),
        );
        lines(&schema.validate(&json!({"spec": {"n": 1}}), None))
    };
    assert_eq!(with(json!({})), ["spec: Invalid value: n is low"]);
    assert_eq!(
        with(json!({"messageExpression": "'n is ' + string(self.n)"})),
        ["spec: Invalid value: n is 1"]
    );
    assert_eq!(
        with(json!({"messageExpression": "string(self.n / 0)"})),
        ["spec: Invalid value: n is low"]
    );
    assert_eq!(
        with(json!({"fieldPath": ".n", "reason": "FieldValueRequired"})),
        ["spec.n: Required value: n is low"]
    );
    assert_eq!(
        with(json!({"fieldPath": ".m['a.b']", "reason": "FieldValueForbidden"})),
        ["spec.m[a.b]: Forbidden: n is low"]
    );
    assert_eq!(
        with(json!({"reason": "FieldValueDuplicate"})),
        ["spec: Duplicate value"]
    );
    let scalar = with_field(
        &json!({"type": "integer", "x-kubernetes-validations": [{"rule": "self > 3", "message": "low"}]}),
    );
    assert_eq!(
        lines(&scalar.validate(&json!({"spec": {"x": 1}}), None)),
        ["spec.x: Invalid value: 1: low"]
    );
}

#[test]
fn transition_rules_need_something_to_compare_with() {
    let schema = with_field(
        &json!({"type": "string", "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "x is immutable"}]}),
    );
    let (old, new) = (json!({"spec": {"x": "a"}}), json!({"spec": {"x": "b"}}));
    assert_eq!(lines(&schema.validate(&new, None)), [""; 0]);
    assert_eq!(
        lines(&schema.validate(&new, Some(&json!({"spec": {}})))),
        [""; 0]
    );
    assert_eq!(lines(&schema.validate(&old, Some(&old))), [""; 0]);
    assert_eq!(
        lines(&schema.validate(&new, Some(&old))),
        ["spec.x: Invalid value: \"b\": x is immutable"]
    );
    let optional = with_field(&json!({"type": "string", "x-kubernetes-validations": [
        {"rule": "oldSelf.hasValue() || self == 'a'", "optionalOldSelf": true}]}));
    assert_eq!(lines(&optional.validate(&new, None)).len(), 1);
    assert_eq!(lines(&optional.validate(&new, Some(&old))), [""; 0]);
}

#[test]
fn items_of_map_lists_are_compared_by_key() {
    let schema = with_field(
        &json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"], "items": {
        "type": "object", "required": ["k"], "properties": {"k": {"type": "string"}, "v": {"type": "integer"}},
        "x-kubernetes-validations": [{"rule": "self.v >= oldSelf.v", "message": "v must not shrink"}]}}),
    );
    let old = json!({"spec": {"x": [{"k": "a", "v": 5}, {"k": "b", "v": 1}]}});
    let new = json!({"spec": {"x": [{"k": "c", "v": 0}, {"k": "b", "v": 2}, {"k": "a", "v": 4}]}});
    assert_eq!(
        lines(&schema.validate(&new, Some(&old))),
        ["spec.x[2]: Invalid value: v must not shrink"]
    );
}

#[test]
fn rules_forgive_what_did_not_change() {
    let schema = with_spec(&json!({"type": "object", "properties": {
        "kept": {"type": "integer", "x-kubernetes-validations": [{"rule": "self < 3", "message": "high"}]},
        "other": {"type": "integer"}
    }}));
    let (old, new) = (
        json!({"spec": {"kept": 5, "other": 1}}),
        json!({"spec": {"kept": 5, "other": 2}}),
    );
    assert_eq!(lines(&schema.validate(&new, Some(&old))), [""; 0]);
    assert_eq!(
        lines(&schema.validate(&new, None)),
        ["spec.kept: Invalid value: 5: high"]
    );
}

#[test]
fn rules_below_maps_name_the_key_in_brackets() {
    let schema = with_field(&json!({"type": "object", "additionalProperties": {
        "type": "object", "properties": {"v": {"type": "integer", "x-kubernetes-validations": [{"rule": "self > 0"}]}}}}));
    assert_eq!(
        lines(&schema.validate(&json!({"spec": {"x": {"k": {"v": 0}}}}), None)),
        ["spec.x[k].v: Invalid value: 0: failed rule: self > 0"]
    );
}

#[test]
fn work_is_bounded() {
    const SPENT: &str = "spec: Invalid value: \"object\": validation failed due to running out of cost budget, no further validation rules will be run";
    let list: Vec<u32> = (0..3000).collect();
    let (half, names) = ("x".repeat(1 << 20), vec!["x".repeat(1 << 16); 16]);
    let doubled = (0..12).fold("self.s".to_owned(), |inner, _| {
        format!("[{inner}].map(x, x + x)[0]")
    });
    for rule in [
        "self.list.all(a, self.list.all(b, self.list.all(c, self.list.all(d, a + b + c + d >= 0))))",
        "self.list.map(a, self.list).map(a, self.list.map(b, self.list)).size() >= 0",
        "self.list.all(a, self.list.filter(b, b in self.list) == self.list)",
        "self.s.replace('x', self.s) != ''",
        "self.names.map(n, self.s).join(self.s).size() > 0 && self.list.map(n, 'x').join(self.s) != ''",
        "self.list.all(a, self.list.map(b, {'s': self.s, 'n': self.names}).size() > 0)",
        "self.list.all(a, self.?nested.orValue(self) != self)",
        &format!("{doubled} != ''"),
    ] {
        let found = holds(
            rule,
            &json!({"list": list, "s": half, "names": names, "nested": {"x": 1}}),
        );
        assert_eq!(found, [SPENT], "{rule}");
    }
    let fine = "self.list.all(a, a >= 0 && a < self.list.size()) && self.list.map(a, a + 1).filter(a, a > 5).size() > 9";
    assert_eq!(holds(fine, &json!({"list": list})), [""; 0]);
}
