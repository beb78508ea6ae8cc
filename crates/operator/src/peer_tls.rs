//! Keys and certificates with which the instances of a cluster know each other.
//!
//! Every cluster has an authority of its own, whose key only the operator reads. All instances show
//! one certificate. It is renewed long before it ends, by the same authority, so that members with
//! the old one and members with the new one go on to trust each other.

use std::time::Duration;

use howdah_plan::credentials::Credentials;
use howdah_plan::peer::{CA_CERTIFICATE, CA_KEY, CERTIFICATE, KEY};

use crate::certificates::{Authority, BACK, DAY, Error, MEMBERS, Purpose, pair};

/// Life of the certificate that instances show.
const LEAF: Duration = Duration::from_secs(360 * DAY);

/// The certificate is renewed when only this is left: a third of its life.
const RENEWED_BEFORE: Duration = Duration::from_secs(120 * DAY);

/// What has to be done about stored keys and certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing.
    Good,
    /// The certificate ends soon, or is damaged; its authority is the same.
    Renewed(Credentials),
    /// What was stored is of no use: damaged, or of somebody else.
    Replaced(Credentials),
}

/// Judges what is stored, and makes what is needed. `now` counts from the Unix epoch.
pub(crate) fn judge(stored: &Credentials, host: &str, now: Duration) -> Result<Verdict, Error> {
    let hosts = [host.to_owned()];
    let purpose = for_members(&hosts);
    let Some(authority) = Authority::read(stored) else {
        return issue(&Authority::new(MEMBERS, now)?, purpose, now).map(Verdict::Replaced);
    };
    let leaf = pair(stored, CERTIFICATE, KEY);
    if leaf.is_some_and(|leaf| authority.vouches(&leaf, purpose, &[now, now + RENEWED_BEFORE])) {
        return Ok(Verdict::Good);
    }
    let renewed = issue(&authority, purpose, now)?;
    let last = now + LEAF - BACK;
    let holds = pair(&renewed, CERTIFICATE, KEY)
        .is_some_and(|leaf| authority.vouches(&leaf, purpose, &[now, last]));
    if holds {
        Ok(Verdict::Renewed(renewed))
    } else {
        issue(&Authority::new(MEMBERS, now)?, purpose, now).map(Verdict::Replaced)
    }
}

/// Members are each other's clients and servers.
fn for_members(hosts: &[String]) -> Purpose<'_> {
    Purpose {
        hosts,
        title: "howdah-member",
        client: true,
        life: LEAF,
    }
}

/// All keys of the Secret, with a new certificate for the instances.
fn issue(authority: &Authority, purpose: Purpose<'_>, now: Duration) -> Result<Credentials, Error> {
    let (certificate, key) = authority.issue(purpose, now)?;
    Ok([
        (CA_CERTIFICATE, authority.pem.clone()),
        (CA_KEY, authority.key_pem.clone()),
        (CERTIFICATE, certificate),
        (KEY, key),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificates::MOST_BYTES;

    const HOST: &str = "members.a.default";
    const NOW: Duration = Duration::from_secs(1_800_000_000);

    fn made(host: &str, now: Duration) -> Credentials {
        match judge(&Credentials::new(), host, now).unwrap() {
            Verdict::Replaced(made) => made,
            other => panic!("not made anew: {other:?}"),
        }
    }

    fn days(days: u64) -> Duration {
        Duration::from_secs(days * DAY)
    }

    #[test]
    fn what_was_made_is_good_for_two_thirds_of_its_life() {
        let made = made(HOST, NOW);
        for later in [days(0), days(238)] {
            assert_eq!(judge(&made, HOST, NOW + later).unwrap(), Verdict::Good);
        }
        let Verdict::Renewed(renewed) = judge(&made, HOST, NOW + days(240)).unwrap() else {
            panic!("not renewed");
        };
        assert_eq!(renewed[CA_CERTIFICATE], made[CA_CERTIFICATE]);
        assert_eq!(renewed[CA_KEY], made[CA_KEY]);
        assert_ne!(renewed[CERTIFICATE], made[CERTIFICATE]);
        assert_ne!(renewed[KEY], made[KEY]);
    }

    #[test]
    fn members_with_the_old_certificate_and_with_the_new_one_trust_each_other() {
        let made = made(HOST, NOW);
        let later = NOW + days(300);
        let Verdict::Renewed(renewed) = judge(&made, HOST, later).unwrap() else {
            panic!("not renewed");
        };
        for (trusts, shows) in [(&made, &renewed), (&renewed, &made)] {
            let authority = Authority::read(trusts).unwrap();
            let leaf = pair(shows, CERTIFICATE, KEY).unwrap();
            assert!(authority.vouches(&leaf, for_members(&[HOST.to_owned()]), &[later]));
        }
    }

    #[test]
    fn a_certificate_that_has_ended_is_renewed_by_the_same_authority() {
        let made = made(HOST, NOW);
        let verdict = judge(&made, HOST, NOW + days(1000)).unwrap();
        assert!(matches!(verdict, Verdict::Renewed(new) if new[CA_KEY] == made[CA_KEY]));
    }

    #[test]
    fn only_the_name_and_the_times_it_was_made_for_are_vouched_for() {
        let made = made(HOST, NOW);
        let authority = Authority::read(&made).unwrap();
        let leaf = pair(&made, CERTIFICATE, KEY).unwrap();
        assert!(authority.vouches(
            &leaf,
            for_members(&[HOST.to_owned()]),
            &[NOW, NOW + days(358)]
        ));
        assert!(!authority.vouches(&leaf, for_members(&[HOST.to_owned()]), &[NOW + days(361)]));
        assert!(!authority.vouches(&leaf, for_members(&[HOST.to_owned()]), &[NOW - days(2)]));
        assert!(!authority.vouches(
            &leaf,
            for_members(&["members.b.default".to_owned()]),
            &[NOW]
        ));
        assert!(!authority.vouches(&leaf, for_members(&["a".to_owned()]), &[NOW]));
    }

    #[test]
    fn a_damaged_certificate_is_renewed_and_a_damaged_authority_replaced() {
        let good = made(HOST, NOW);
        let other = made(HOST, NOW);
        for key in [CERTIFICATE, KEY] {
            for damage in ["", "x", other[key].as_str(), good[CA_CERTIFICATE].as_str()] {
                let mut damaged = good.clone();
                damaged.insert(key.to_owned(), damage.to_owned());
                let verdict = judge(&damaged, HOST, NOW).unwrap();
                assert!(matches!(verdict, Verdict::Renewed(_)), "{key}: {damage}");
            }
        }
        let long = "x".repeat(MOST_BYTES + 1);
        for key in [CA_CERTIFICATE, CA_KEY] {
            for damage in ["", &long, other[key].as_str(), good[CERTIFICATE].as_str()] {
                let mut damaged = good.clone();
                damaged.insert(key.to_owned(), damage.to_owned());
                let verdict = judge(&damaged, HOST, NOW).unwrap();
                assert!(matches!(verdict, Verdict::Replaced(_)), "{key}: {damage}");
            }
        }
    }

    #[test]
    fn a_secret_of_another_cluster_gets_the_right_name() {
        let other = made("members.b.default", NOW);
        let verdict = judge(&other, HOST, NOW).unwrap();
        assert!(matches!(verdict, Verdict::Renewed(_)));
    }

    #[test]
    fn a_certificate_that_is_no_authority_is_replaced() {
        let good = made(HOST, NOW);
        let mut wrong = good.clone();
        wrong.insert(CA_CERTIFICATE.to_owned(), good[CERTIFICATE].clone());
        wrong.insert(CA_KEY.to_owned(), good[KEY].clone());
        let verdict = judge(&wrong, HOST, NOW).unwrap();
        assert!(matches!(verdict, Verdict::Replaced(_)));
    }
}
