//! Formats that text is held against.

use super::{all_are_refused, all_fail, all_hold};

/// Whether the format `name` has something against each text.
fn each(name: &str, texts: &[&str], is_wrong: bool) {
    for text in texts {
        let not = if is_wrong { "" } else { "!" };
        let text = text.replace('\\', "\\\\").replace('\'', "\\'");
        all_hold(&[&format!(
            "{not}format.{name}().validate('{text}').hasValue()"
        )]);
    }
}

#[test]
fn formats_accept_and_refuse() {
    let long = |count: usize| "a".repeat(count);
    let cases: [(&str, &[&str], &[&str]); 13] = [
        (
            "dns1123Label",
            &["abc", "1-a", &long(63)],
            &["ABC", "", "-", "a.b", &long(64)],
        ),
        (
            "dns1123Subdomain",
            &["a.b-c", &long(253)],
            &["A..b", "", &long(254)],
        ),
        ("dns1035Label", &["a1"], &["1a", "", &long(64)]),
        (
            "qualifiedName",
            &["a", "a/b", "A_b"],
            &["a/b/c", "/c", "", "A_/x", "a/", "a/-", &long(64)],
        ),
        (
            "dns1123LabelPrefix",
            &["abc-", "ab.-"],
            &["ABC-", "", "-", "é-"],
        ),
        ("dns1123SubdomainPrefix", &["abc.-", "a..-"], &["-", ""]),
        ("dns1035LabelPrefix", &["abc-", "1-"], &["-", ""]),
        ("labelValue", &["", "a_B"], &["-", &long(64)]),
        (
            "uri",
            &[
                "http://a",
                "http:",
                "http://",
                "//a",
                "/",
                "mailto:a",
                "/a#b",
                "http://[::1]:80/",
            ],
            &[
                "a",
                "",
                "1:",
                ":",
                "#a",
                "?a",
                " http://a",
                "http://a b",
                "http://[::1",
                "http://a:b/",
                "http://a/%zz",
                "http://%",
            ],
        ),
        (
            "uuid",
            &[
                "6bfab01498be4df291133d24808eb627",
                "6BFAB014-98BE-4DF2-9113-3D24808EB627",
            ],
            &["x", ""],
        ),
        ("byte", &["aGk="], &["x", "", "aGk", "aG k=", "aG-_"]),
        (
            "date",
            &["2026-01-01"],
            &["x", "", "2026-02-30", "2026-1-1", "2026-01-01T00:00:00Z"],
        ),
        (
            "datetime",
            &["2026-01-01t00:00:00z", "2026-01-01T00:00:00.123+01:00"],
            &["x", "2026-01-01", "2026-01-01T24:00:00Z"],
        ),
    ];
    for (name, fine, wrong) in cases {
        each(name, fine, false);
        each(name, wrong, true);
        all_hold(&[&format!(
            "format.named('{name}').value() == format.{name}()"
        )]);
    }
}

#[test]
fn formats_say_what_is_wrong() {
    let long = format!(
        "format.dns1123Label().validate('{}').value()[0] == 'must be no more than 63 characters'",
        "A".repeat(64)
    );
    all_hold(&[
        &long,
        "format.dns1123Label().validate('ABC').value().size() == 1",
        "format.qualifiedName().validate('').value()[0] == 'name part must be non-empty'",
        "format.qualifiedName().validate('/c').value() == ['prefix part must be non-empty']",
        "format.uri().validate('http://a:b/').value() == ['parse \"http://a:b/\": invalid port \":b\" after host']",
        "format.uri().validate('http://a b').value() == ['parse \"http://a b\": invalid character \" \" in host name']",
        "format.uri().validate('http://a/%zz').value() == ['parse \"http://a/%zz\": invalid URL escape \"%zz\"']",
        "format.uuid().validate('x').value() == ['does not match the UUID format']",
        "format.byte().validate('x').value() == ['invalid base64']",
        "format.date().validate('x').value() == ['invalid date']",
        "format.datetime().validate('x').value() == ['invalid datetime']",
        "!format.named('nope').hasValue() && !format.named('date-time').hasValue()",
        "format.uuid() != format.uri()",
        "self.list.all(format, format > 0)",
        "'%d'.format([1]) == '1'",
    ]);
    all_fail(&[(
        "format.named('nope').value().validate('x').hasValue()",
        "evaluating rule",
    )]);
    all_are_refused(&[
        (
            "format.nope().validate('x').hasValue()",
            "undeclared reference to 'nope'",
        ),
        (
            "format.dns1123Label().validate(1).hasValue()",
            "'validate' applied to 'kubernetes.NamedFormat.(int)'",
        ),
        (
            "format.named(1).hasValue()",
            "'format.named' applied to '(int)'",
        ),
        (
            "format.uuid() == 'uuid'",
            "'_==_' applied to '(kubernetes.NamedFormat, string)'",
        ),
    ]);
}
