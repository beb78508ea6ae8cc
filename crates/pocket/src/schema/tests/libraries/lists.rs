//! Lists out of lists, and what may be looked for in one.

use serde_json::json;

use super::super::rules::holds;
use super::{all_are_refused, all_fail, all_hold};

#[test]
fn lists_are_arranged() {
    all_hold(&[
        "lists.range(3) == [0, 1, 2]",
        "lists.range(self.n).size() == 3",
        "lists.range(-1).size() == 0",
        "lists.range(3).exists(i, self.list[i] == 1)",
        "self.list.distinct() == [3, 1, 2]",
        "self.objects.distinct().size() == 2",
        "self.lists.distinct() == self.lists",
        "[].distinct() == []",
        "self.list.sort() == [1, 1, 2, 3]",
        "self.names.sort() == ['a', 'b']",
        "[true, false].sort() == [false, true]",
        "[].sort() == []",
        "self.list.slice(1, 3) == [1, 2]",
        "self.list.slice(4, 4) == []",
        "self.lists.flatten() == [1, 2, 3]",
        "self.lists.flatten(1) == [1, 2, 3]",
        "self.list.reverse() == [1, 2, 1, 3]",
        "self.list.first().value() == 3 && self.list.last().value() == 1",
        "![].first().hasValue()",
        "self.objects.sortBy(o, -o.x)[0].x == 2",
        "self.objects.sortBy(o, o.x).map(o, o.x) == [1, 1, 2]",
    ]);
}

#[test]
fn lists_say_what_is_wrong_with_positions() {
    all_fail(&[
        (
            "self.list.slice(1, 9) == []",
            "cannot slice(1, 9), list is length 4 evaluating rule",
        ),
        (
            "self.list.slice(2, 1) == []",
            "start index must be less than or equal to end index",
        ),
        (
            "self.list.slice(-1, 1) == []",
            "negative indexes not supported",
        ),
        (
            "[dyn(1), dyn('a')].sort().size() == 2",
            "list elements must have the same type",
        ),
    ]);
}

#[test]
fn functions_of_lists_take_lists_of_the_right_kind() {
    all_are_refused(&[
        (
            "self.list.flatten() == []",
            "no matching overload for 'flatten' applied to 'list(int).()'",
        ),
        (
            "self.lists.sort().size() == 2",
            "no matching overload for 'sort' applied to 'list(list(int)).()'",
        ),
        (
            "self.objects.sort().size() == 2",
            "no matching overload for 'sort'",
        ),
        (
            "self.list.sort(1).size() == 2",
            "'sort' applied to 'list(int).(int)'",
        ),
        (
            "lists.range('a').size() == 2",
            "'lists.range' applied to '(string)'",
        ),
        (
            "self.s.reverse() == 'olleH'",
            "'reverse' applied to 'string.()'",
        ),
        (
            "self.s.distinct() == []",
            "'distinct' applied to 'string.()'",
        ),
        (
            "self.list.includes(1)",
            "undeclared reference to 'includes'",
        ),
    ]);
}

#[test]
fn only_what_can_be_in_a_list_is_looked_for() {
    all_hold(&[
        "1 in self.list",
        "dyn('a') in self.names",
        "'x' in self.labels",
        "!(1 in [])",
    ]);
    all_are_refused(&[
        ("'a' in self.list", "'@in' applied to '(string, list(int))'"),
        ("'a' in [1, 2]", "'@in' applied to '(string, list(int))'"),
        ("1.0 in self.list", "'@in' applied to '(double, list(int))'"),
        (
            "self.n in self.names",
            "'@in' applied to '(int, list(string))'",
        ),
        ("1 in self.labels", "'@in'"),
        (
            "'a' in self.list.sort()",
            "'@in' applied to '(string, list(int))'",
        ),
    ]);
}

#[test]
fn what_is_known_of_elements_refuses_nothing_that_fits() {
    all_hold(&[
        "self.list.last().value() == 1",
        "['a','b'].sort()[0] == 'a'",
        "self.list.all(i, i in self.list.map(x, x))",
        "self.list.map(i, string(i)).exists(s, s == '1')",
        "size(self.lists.flatten()) == 3",
        "'1' in self.list.map(i, string(i))",
        "(self.n > 1 ? [1] : [2]).size() == 1",
        "1 in (self.n > 1 ? [1] : self.list)",
        "url('http://a').getHost() == 'a'",
        "quantity('1').add(1).asInteger() == 2",
        "duration('1h') in [duration('1h')]",
        "self.labels.exists(k, k in ['x'])",
        "'x' in {'x': 1}",
        "dyn(self.list).flatten().size() == 4",
        "self.names.all(n, n.size() in [1, 2])",
        "null in [null]",
        "self.f in [1.0, 2.5]",
        "lists.range(3).map(i, i + 1) == [1, 2, 3]",
        "self.list.slice(0, 2).sum() == 4",
        "[[1, 2], [3]].flatten().sum() == 6",
        "sets.contains(self.list.distinct(), [1])",
        "isQuantity(self.s) || true",
        "self.list.sum() in [7]",
        "self.list.min() == 1 && self.list.max() in [3]",
        "optional.of(1).value() in [1]",
        "'l' in self.s.split('')",
    ]);
}

#[test]
fn libraries_of_other_hosts_are_unknown() {
    all_are_refused(&[
        ("math.greatest(1, 2) == 2", "undeclared reference to 'math'"),
        ("math.abs(1) == 1", "undeclared reference to 'math'"),
        (
            "base64.encode(b'a') == 'x'",
            "undeclared reference to 'base64'",
        ),
        ("cel.bind(x, 1, x == 1)", "undeclared reference to 'cel'"),
        (
            "regex.replace('a', 'b', 'c') == 'a'",
            "undeclared reference to 'regex'",
        ),
    ]);
}

#[test]
fn arranging_is_bounded() {
    let list: Vec<u32> = (0..3000).collect();
    let long: Vec<String> = (0..64)
        .map(|at| format!("{}{at}", "x".repeat(1 << 16)))
        .collect();
    let spec =
        json!({"list": list, "names": long, "objects": vec![json!({"x": 1}); 3000], "n": 500_001});
    for rule in [
        "lists.range(self.n).size() > 0",
        "lists.range(9223372036854775807).size() > 0",
        "self.list.all(i, lists.range(i).size() == i)",
        "self.list.map(i, [i]).distinct().size() > 0",
        "self.names.sort().size() > 0 && self.names.sort().size() > 0 && self.names.sort().size() > 0",
        "self.list.all(i, self.names.sortBy(n, n).size() > 0)",
    ] {
        let found = holds(rule, &spec);
        let is_spent =
            matches!(found.as_slice(), [only] if only.contains("running out of cost budget"));
        assert!(is_spent, "{rule}: {found:?}");
    }
    for rule in [
        "lists.range(400000).size() > 0",
        "self.list.distinct().size() == 3000",
        "self.list.sort().size() == 3000",
    ] {
        assert_eq!(holds(rule, &spec), [""; 0], "{rule}");
    }
}
