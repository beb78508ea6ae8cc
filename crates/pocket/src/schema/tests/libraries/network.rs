//! Addresses and networks.

use super::{all_are_refused, all_fail, all_hold};

#[test]
fn addresses_are_read_and_told_apart() {
    all_hold(&[
        "ip('10.0.0.1') == ip('10.0.0.1') && ip('::1') == ip('0:0::1')",
        "isIP('10.0.0.1') && isIP('2001:db8::1')",
        "!isIP('::ffff:1.2.3.4') && !isIP('fe80::1%eth0') && !isIP('010.0.0.1') && !isIP('1.2.3')",
        "ip.isCanonical('10.0.0.1') && ip.isCanonical('2001:db8::1')",
        "!ip.isCanonical('2001:DB8::1') && !ip.isCanonical('2001:db8:0::1')",
        "ip('10.0.0.1').family() == 4 && ip('::1').family() == 6",
        "ip('0.0.0.0').isUnspecified() && ip('::').isUnspecified()",
        "ip('127.1.1.1').isLoopback() && ip('::1').isLoopback()",
        "ip('224.0.0.1').isLinkLocalMulticast() && !ip('224.0.1.1').isLinkLocalMulticast()",
        "ip('ff02::1').isLinkLocalMulticast() && ip('ff12::1').isLinkLocalMulticast()",
        "ip('169.254.1.1').isLinkLocalUnicast() && ip('febf::1').isLinkLocalUnicast()",
        "!ip('fec0::1').isLinkLocalUnicast()",
        "ip('10.0.0.1').isGlobalUnicast() && ip('fd00::1').isGlobalUnicast()",
        "['0.0.0.0', '255.255.255.255', '224.0.0.1', 'fe80::1', '::1'].all(a, !ip(a).isGlobalUnicast())",
        "string(ip('2001:DB8::1')) == '2001:db8::1'",
        "string(ip('1:0:0:2:0:0:0:3')) == '1:0:0:2::3'",
        "type(ip('1.1.1.1')) == net.IP",
        "ip('1.1.1.1') in [ip('1.1.1.1')]",
        "self.list.all(ip, ip > 0)",
    ]);
    all_fail(&[
        (
            "ip('10.0.0.256').family() == 4",
            "IP Address \"10.0.0.256\" parse error during conversion from string",
        ),
        ("ip.isCanonical('x')", "IP Address \"x\" parse error"),
        (
            "ip('::ffff:1.2.3.4').family() == 6",
            "IPv4-mapped IPv6 address \"::ffff:1.2.3.4\" is not allowed evaluating rule",
        ),
    ]);
}

#[test]
fn networks_contain_addresses_and_networks() {
    all_hold(&[
        "cidr('10.0.0.0/8').containsIP('10.1.1.1') && cidr('10.0.0.0/8').containsIP(ip('10.1.1.1'))",
        "!cidr('10.0.0.0/8').containsIP('11.1.1.1') && !cidr('10.0.0.0/8').containsIP(ip('::1'))",
        "cidr('0.0.0.0/0').containsIP('1.2.3.4') && cidr('::/0').containsIP('::1')",
        "cidr('1.2.3.4/32').containsIP('1.2.3.4') && !cidr('1.2.3.4/32').containsIP('1.2.3.5')",
        "cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && !cidr('10.0.0.0/8').containsCIDR('10.1.0.0/4')",
        "cidr('10.0.0.0/8').containsCIDR(cidr('10.0.0.0/8'))",
        "cidr('10.1.2.3/8').containsCIDR('10.0.0.0/8')",
        "cidr('10.1.2.3/8').ip() == ip('10.1.2.3')",
        "cidr('10.1.2.3/8').masked() == cidr('10.0.0.0/8') && cidr('10.1.2.3/8') != cidr('10.0.0.0/8')",
        "cidr('10.1.2.3/8').prefixLength() == 8 && cidr('::/128').prefixLength() == 128",
        "string(cidr('10.1.2.3/8')) == '10.1.2.3/8' && string(cidr('2001:DB8::/32')) == '2001:db8::/32'",
        "isCIDR('10.0.0.0/8') && isCIDR('10.1.0.0/8') && isCIDR('::/0')",
        "['10.0.0.0/08', '10.0.0.0/+8', '10.0.0.0/33', '10.0.0.0/', '::/129', '::ffff:1.2.3.4/100', 'fe80::1%eth0/64', '10.0.0.0'].all(c, !isCIDR(c))",
        "type(cidr('1.1.1.1/8')) == net.CIDR",
    ]);
    all_fail(&[
        (
            "cidr('10.0.0.0/33').prefixLength() == 33",
            "network address parse error during conversion from string",
        ),
        (
            "cidr('10.0.0.0/8').containsCIDR('x')",
            "network address parse error during conversion from string",
        ),
        (
            "cidr('10.0.0.0/8').containsIP('x')",
            "'no such overload': call arguments did not match",
        ),
    ]);
}

#[test]
fn addresses_are_not_taken_for_something_else() {
    all_are_refused(&[
        ("ip(self.n).family() == 4", "'ip' applied to '(int)'"),
        (
            "ip('10.0.0.1') == '10.0.0.1'",
            "'_==_' applied to '(net.IP, string)'",
        ),
        (
            "ip('1.1.1.1') != cidr('1.1.1.1/8')",
            "'_!=_' applied to '(net.IP, net.CIDR)'",
        ),
        (
            "ip('1.1.1.1') < ip('1.1.1.2')",
            "'_<_' applied to '(net.IP, net.IP)'",
        ),
        (
            "ip('1.1.1.1').x == 1",
            "type 'net.IP' does not support field selection",
        ),
        (
            "'1.1.1.1' in [ip('1.1.1.1')]",
            "'@in' applied to '(string, list(net.IP))'",
        ),
        ("self.s.family() == 4", "'family' applied to 'string.()'"),
        (
            "ip('10.0.0.1').isMulticast()",
            "undeclared reference to 'isMulticast'",
        ),
        (
            "ip('10.0.0.1').isLessThan(ip('10.0.0.2'))",
            "'isLessThan' applied to 'net.IP.(net.IP)'",
        ),
        (
            "ip(ip('10.0.0.1')).family() == 4",
            "'ip' applied to '(net.IP)'",
        ),
        (
            "cidr('10.0.0.0/8').family() == 4",
            "'family' applied to 'net.CIDR.()'",
        ),
        ("ip.isCanonical(1)", "'ip.isCanonical' applied to '(int)'"),
        ("has(ip.isCanonical)", "undeclared reference to 'ip'"),
    ]);
}
