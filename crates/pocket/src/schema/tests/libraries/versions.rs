//! Versions.

use serde_json::json;

use super::super::rules::holds;
use super::{all_are_refused, all_fail, all_hold};

#[test]
fn versions_are_read_and_ordered() {
    all_hold(&[
        "semver('1.2.3').major() == 1 && semver('1.2.3').minor() == 2 && semver('1.2.3-rc.1+b').patch() == 3",
        "semver('18446744073709551615.0.0').major() == -1",
        "['1.0.0', '1.0.0-0a', '1.0.0+01', '1.0.0-a.b+c.d', '1.0.0--', '1.0.0+a-b'].all(v, isSemver(v))",
        "['', 'v1.0.0', '1.0', '1.0.0-', '1.0.0-a..b', '1.0.0-01', '1.0.0+', '01.0.0', '1.0.0.0', '1.0.0-é', \
          '18446744073709551616.0.0'].all(v, !isSemver(v))",
        "['v1.2', 'v1', '0', '01.02.03', '00.2.3', 'v1.0.0-rc'].all(v, isSemver(v, true) && !isSemver(v, false))",
        "['', 'V1', 'vv1', ' 1.0.0', '1.', '1..2', '1.2-rc', '1.2+b', '1.2.3-01', '1.2.3.4'].all(v, !isSemver(v, true))",
        "semver('v1.2', true) == semver('1.2.0') && semver('01.02.03', true).minor() == 2",
        "semver('1.2.3').isLessThan(semver('1.2.4')) && !semver('1.2.3').isGreaterThan(semver('1.2.4'))",
        "semver('1.10.0').isGreaterThan(semver('1.9.9'))",
        "semver('1.2.3-rc').compareTo(semver('1.2.3')) == -1",
        "semver('1.2.3-rc').compareTo(semver('1.2.3-1')) == 1",
        "semver('1.2.3-2').compareTo(semver('1.2.3-10')) == -1",
        "semver('1.2.3-a').compareTo(semver('1.2.3-a.1')) == -1",
        "semver('1.2.3+a').compareTo(semver('1.2.3+b')) == 0 && semver('1.2.3+a') == semver('1.2.3+b')",
        "self.list.all(semver, semver > 0)",
    ]);
    all_fail(&[
        (
            "semver('1.0').major() == 1",
            "No Major.Minor.Patch elements found evaluating rule",
        ),
        (
            "semver('1.2-rc', true).minor() == 2",
            "short version cannot contain PreRelease/Build meta data",
        ),
    ]);
}

#[test]
fn versions_are_not_taken_for_something_else() {
    all_are_refused(&[
        (
            "semver('1.2.3').compareTo('1.2.3') == 0",
            "'compareTo' applied to 'kubernetes.Semver.(string)'",
        ),
        ("semver(1).major() == 1", "'semver' applied to '(int)'"),
        (
            "semver('1.0.0', 1).major() == 1",
            "'semver' applied to '(string, int)'",
        ),
        (
            "quantity('1').isLessThan(semver('1.2.4'))",
            "applied to 'kubernetes.Quantity.(kubernetes.Semver)'",
        ),
        (
            "semver('1.2.3') < semver('1.2.4')",
            "applied to '(kubernetes.Semver, kubernetes.Semver)'",
        ),
        (
            "semver('1.0.0').sign() == 1",
            "'sign' applied to 'kubernetes.Semver.()'",
        ),
        (
            "semver('1.0.0').prerelease() == ''",
            "undeclared reference to 'prerelease'",
        ),
        (
            "self.s.isLessThan(semver('1.0.0'))",
            "'isLessThan' applied to 'string.(kubernetes.Semver)'",
        ),
    ]);
}

#[test]
fn comparing_long_versions_is_bounded() {
    let version = format!("1.0.0-{}", "a.".repeat(1 << 18) + "b");
    let list: Vec<u32> = (0..3000).collect();
    let rule = "[semver(self.s)].all(v, self.list.all(i, v.compareTo(v) == 0))";
    let found = holds(rule, &json!({"s": version, "list": list}));
    let is_spent =
        matches!(found.as_slice(), [only] if only.contains("running out of cost budget"));
    assert!(is_spent, "{found:?}");
}
