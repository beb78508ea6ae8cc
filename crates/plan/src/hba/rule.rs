//! One line of `pg_hba.conf`, read as the server reads it.
//!
//! See <https://www.postgresql.org/docs/18/auth-pg-hba-conf.html>.

use std::net::IpAddr;

use super::LONGEST_RULE;

/// Record types.
const TYPES: [&str; 6] = [
    "local",
    "host",
    "hostssl",
    "hostnossl",
    "hostgssenc",
    "hostnogssenc",
];

/// Methods that the server can have been built with; without `sspi` and `bsd`, which exist only on
/// other systems, and `radius`, which needs options that name a secret.
const METHODS: [&str; 11] = [
    "trust",
    "reject",
    "scram-sha-256",
    "md5",
    "password",
    "gss",
    "ident",
    "peer",
    "ldap",
    "cert",
    "pam",
];

/// Options of the methods.
const OPTIONS: [&str; 19] = [
    "map",
    "clientcert",
    "clientname",
    "pamservice",
    "pam_use_hostname",
    "ldapurl",
    "ldaptls",
    "ldapscheme",
    "ldapserver",
    "ldapport",
    "ldapbinddn",
    "ldapbindpasswd",
    "ldapsearchattribute",
    "ldapsearchfilter",
    "ldapbasedn",
    "ldapprefix",
    "ldapsuffix",
    "krb_realm",
    "include_realm",
];

/// Says why the server would not take a line.
pub(super) fn check(rule: &str) -> Result<(), String> {
    if rule.len() > LONGEST_RULE {
        return Err(format!("is longer than {LONGEST_RULE} bytes"));
    }
    if rule.chars().any(|c| c.is_control() && c != '\t') {
        return Err("has a control character".to_owned());
    }
    if rule.ends_with('\\') {
        return Err("ends with a backslash, which would join it with the next rule".to_owned());
    }
    let fields = fields(rule)?;
    let Some((kind, rest)) = fields.split_first() else {
        return Ok(());
    };
    if !kind.plain(&TYPES) {
        return Err(format!("must start with one of {}", TYPES.join(", ")));
    }
    let local = kind.plain(&["local"]);
    let least = if local { 4 } else { 5 };
    if fields.len() < least {
        return Err(format!("needs at least {least} fields"));
    }
    for field in &rest[..2] {
        if field.tokens.iter().any(Token::is_file) {
            return Err("names a file with @, which no instance has".to_owned());
        }
    }
    let rest = if local {
        &rest[2..]
    } else {
        address(&rest[2..])?
    };
    method(kind, rest)
}

/// Checks the address, and the mask where there is one; gives what follows.
fn address(fields: &[Field]) -> Result<&[Field], String> {
    let (address, rest) = fields.split_first().ok_or("needs an address")?;
    let text = address.one("address")?;
    if !address.tokens[0].quoted && ["all", "samehost", "samenet"].contains(&text) {
        return Ok(rest);
    }
    if let Some((ip, bits)) = text.split_once('/') {
        let wrong = || format!("has \"{text}\", which is no network such as 10.0.0.0/8");
        let ip: IpAddr = ip.parse().map_err(|_| wrong())?;
        let most = if ip.is_ipv4() { 32 } else { 128 };
        let bits: u8 = bits.parse().map_err(|_| wrong())?;
        return if bits <= most { Ok(rest) } else { Err(wrong()) };
    }
    let Ok(ip) = text.parse::<IpAddr>() else {
        let name = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        return if text.chars().all(name) && !text.is_empty() {
            Ok(rest)
        } else {
            Err(format!("has \"{text}\", which is no address"))
        };
    };
    let (mask, rest) = rest.split_first().ok_or("needs a mask")?;
    let mask: Option<IpAddr> = mask.one("mask")?.parse().ok();
    if mask.is_some_and(|mask| mask.is_ipv4() == ip.is_ipv4()) {
        Ok(rest)
    } else {
        let bits = if ip.is_ipv4() { 32 } else { 128 };
        Err(format!(
            "needs a mask after the address {ip}, or {ip}/{bits} in one"
        ))
    }
}

fn method(kind: &Field, fields: &[Field]) -> Result<(), String> {
    let (method, options) = fields.split_first().ok_or("needs a method")?;
    let name = method.one("method")?;
    if !METHODS.contains(&name) {
        return Err(format!(
            "has the method \"{name}\", which is none of {}",
            METHODS.join(", ")
        ));
    }
    let only = |kinds: &str| Err(format!("can have the method {name} only with {kinds}"));
    match name {
        "peer" if !kind.plain(&["local"]) => return only("local"),
        "cert" if !kind.plain(&["hostssl"]) => return only("hostssl"),
        "gss" | "cert" if kind.plain(&["local"]) => return only("host"),
        _ => {}
    }
    let names: Vec<_> = options
        .iter()
        .flat_map(|option| &option.tokens)
        .map(|token| token.text.split_once('=').map_or("", |(name, _)| name))
        .collect();
    if names.iter().any(|name| !OPTIONS.contains(name)) {
        return Err("has something after the method that is no option such as map=name".to_owned());
    }
    let where_to_look = ["ldapurl", "ldapbasedn", "ldapprefix", "ldapsuffix"];
    if name == "ldap" && !names.iter().any(|name| where_to_look.contains(name)) {
        let wanted = where_to_look.join(", ");
        return Err(format!("needs one of the options {wanted}"));
    }
    Ok(())
}

/// What stands between blanks: texts with commas between them.
struct Field {
    tokens: Vec<Token>,
}

#[derive(Default)]
struct Token {
    text: String,
    /// A quoted keyword is no keyword.
    quoted: bool,
}

impl Token {
    fn is_file(&self) -> bool {
        !self.quoted && self.text.len() > 1 && self.text.starts_with('@')
    }
}

impl Field {
    /// The only text of the field.
    fn one(&self, what: &str) -> Result<&str, String> {
        match self.tokens.as_slice() {
            [token] => Ok(&token.text),
            _ => Err(format!("must have one {what}")),
        }
    }

    fn plain(&self, words: &[&str]) -> bool {
        matches!(self.tokens.as_slice(), [token] if words.contains(&token.text.as_str()))
    }
}

/// Splits a line at blanks outside of quotes, up to a comment.
fn fields(rule: &str) -> Result<Vec<Field>, String> {
    let mut fields = Vec::new();
    let mut chars = rule.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_ascii_whitespace()).is_some() {}
        match chars.peek() {
            None | Some('#') => return Ok(fields),
            Some(_) => {}
        }
        let mut tokens = vec![Token::default()];
        let mut in_quotes = false;
        while let Some(c) = chars.next_if(|c| in_quotes || !(c.is_ascii_whitespace() || *c == '#'))
        {
            let token = tokens.last_mut().ok_or("has no fields")?;
            match c {
                '"' if in_quotes && chars.next_if_eq(&'"').is_some() => token.text.push('"'),
                '"' => {
                    in_quotes = !in_quotes;
                    token.quoted = true;
                }
                ',' if !in_quotes => {
                    tokens.push(Token::default());
                    // Blanks after a comma belong to the list.
                    while chars.next_if(|c| c.is_ascii_whitespace()).is_some() {}
                }
                other => token.text.push(other),
            }
        }
        if in_quotes {
            return Err("has a quote that is not closed".to_owned());
        }
        fields.push(Field { tokens });
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("host all all 10.0.0.0/8 scram-sha-256")]
    #[case("host all all 10.0.0.0 255.0.0.0 scram-sha-256")]
    #[case("host\tall\tall\t::1/128\tmd5")]
    #[case("host all all fe80:: ffff:ffff:: reject")]
    #[case("host replication,app \"my user\",+group, other all scram-sha-256")]
    #[case("hostssl all all .example.com cert map=users clientname=DN")]
    #[case("hostnossl all all samenet reject # no plain text")]
    #[case("host all \"a\"\"b\" example.com password")]
    #[case("local all all peer map=\"my map\"")]
    #[case("local all /^app.*$ trust")]
    #[case("host all all all ldap ldapserver=l ldapprefix=\"cn=\" ldaptls=1")]
    #[case("# a comment")]
    #[case("")]
    fn the_server_takes(#[case] rule: &str) {
        assert_eq!(check(rule), Ok(()));
    }

    #[rstest]
    #[case(
        "hosts all all 10.0.0.0/8 reject",
        "must start with one of local, host, hostssl, hostnossl, hostgssenc, hostnogssenc"
    )]
    #[case(
        "include other.conf",
        "must start with one of local, host, hostssl, hostnossl, hostgssenc, hostnogssenc"
    )]
    #[case("host all all trust", "needs at least 5 fields")]
    #[case("local all all", "needs at least 4 fields")]
    #[case("local all all # peer", "needs at least 4 fields")]
    #[case(
        "local all all peer\nhost all all all trust",
        "has a control character"
    )]
    #[case(
        "local all all peer \\",
        "ends with a backslash, which would join it with the next rule"
    )]
    #[case("local all \"all peer", "has a quote that is not closed")]
    #[case(
        "host all @users all md5",
        "names a file with @, which no instance has"
    )]
    #[case(
        "host all all 10.0.0.0/33 md5",
        "has \"10.0.0.0/33\", which is no network such as 10.0.0.0/8"
    )]
    #[case(
        "host all all 10.0.0/8 md5",
        "has \"10.0.0/8\", which is no network such as 10.0.0.0/8"
    )]
    #[case(
        "host all all 10.0.0.1 md5",
        "needs a mask after the address 10.0.0.1, or 10.0.0.1/32 in one"
    )]
    #[case("host all all a(b md5", "has \"a(b\", which is no address")]
    #[case("host all all a,b md5", "must have one address")]
    #[case(
        "host all all all scram",
        "has the method \"scram\", which is none of trust, reject, scram-sha-256, md5, password, \
         gss, ident, peer, ldap, cert, pam"
    )]
    #[case("host all all all peer", "can have the method peer only with local")]
    #[case("host all all all cert", "can have the method cert only with hostssl")]
    #[case("local all all gss", "can have the method gss only with host")]
    #[case(
        "local all all peer map",
        "has something after the method that is no option such as map=name"
    )]
    #[case(
        "local all all peer mop=x",
        "has something after the method that is no option such as map=name"
    )]
    #[case(
        "host all all all ldap ldaptls=1",
        "needs one of the options ldapurl, ldapbasedn, ldapprefix, ldapsuffix"
    )]
    fn the_server_would_not_take(#[case] rule: &str, #[case] why: &str) {
        assert_eq!(check(rule).err().as_deref(), Some(why));
    }
}
