//! The certificate that clients see: one of the cluster's own authority, or the user's.

use std::time::Duration;

use howdah_plan::credentials::Credentials;
use howdah_plan::server_tls::{CA_CERTIFICATE, CERTIFICATE, KEY, ServerTls};

use crate::certificates::{Authority, Error, Purpose, pair};

/// What the Secret should hold: what is stored, as long as that is good. None if there should be no Secret. The
/// authority is that of the members, whose Secret `members` is.
pub(crate) fn content(
    tls: &ServerTls,
    stored: &Credentials,
    members: &Credentials,
    hosts: &[String],
    now: Duration,
) -> Result<Option<Credentials>, Error> {
    match tls {
        ServerTls::Off => Ok(None),
        ServerTls::Given { certificate, key } => given(certificate, key, None).map(Some),
        ServerTls::Issued {
            made: Some(made), ..
        } => given(&made.certificate, &made.key, made.authority.as_deref()).map(Some),
        // Where cert-manager had made one before, clients know that.
        ServerTls::Issued { made: None, .. } if is_foreign(stored, members) => {
            Ok(Some(stored.clone()))
        }
        ServerTls::Own(life) | ServerTls::Issued { own: life, .. } => {
            own(*life, stored, members, hosts, now).map(Some)
        }
    }
}

/// True if what is stored is good and of another authority than the members'.
pub(crate) fn is_foreign(stored: &Credentials, members: &Credentials) -> bool {
    let ours = members.get(howdah_plan::peer::CA_CERTIFICATE);
    pair(stored, CERTIFICATE, KEY).is_some() && stored.get(CA_CERTIFICATE) != ours
}

fn given(certificate: &str, key: &str, authority: Option<&str>) -> Result<Credentials, Error> {
    let mut content = map([(CERTIFICATE, certificate.to_owned()), (KEY, key.to_owned())]);
    content.extend(authority.map(|pem| (CA_CERTIFICATE.to_owned(), pem.to_owned())));
    match pair(&content, CERTIFICATE, KEY) {
        Some(_) => Ok(content),
        None => Err(Error::Given),
    }
}

fn own(
    life: Duration,
    stored: &Credentials,
    members: &Credentials,
    hosts: &[String],
    now: Duration,
) -> Result<Credentials, Error> {
    let authority = Authority::read(members).ok_or(Error::NoAuthority)?;
    let purpose = Purpose {
        hosts,
        title: hosts.first().map_or("", String::as_str),
        client: false,
        // Its first day is in the past, for clocks that are behind.
        life: life + crate::certificates::BACK,
    };
    let known = stored.get(CA_CERTIFICATE) == Some(&authority.pem);
    let leaf = pair(stored, CERTIFICATE, KEY).filter(|_| known);
    if leaf.is_some_and(|leaf| authority.vouches(&leaf, purpose, &[now, now + life / 3])) {
        return Ok(stored.clone());
    }
    let (certificate, key) = authority.issue(purpose, now)?;
    Ok(map([
        (CA_CERTIFICATE, authority.pem),
        (CERTIFICATE, certificate),
        (KEY, key),
    ]))
}

fn map<const N: usize>(pairs: [(&str, String); N]) -> Credentials {
    pairs.map(|(key, value)| (key.to_owned(), value)).into()
}

#[cfg(test)]
mod tests {
    use howdah_api::cert_manager::IssuerRef;
    use howdah_plan::cert_manager::Made;

    use super::*;
    use crate::certificates::DAY;
    use crate::peer_tls::{Verdict, judge};

    const NOW: Duration = Duration::from_secs(1_800_000_000);
    const LIFE: Duration = Duration::from_secs(90 * DAY);

    fn members() -> Credentials {
        match judge(&Credentials::new(), "members.a.n", NOW).unwrap() {
            Verdict::Replaced(made) => made,
            other => panic!("not made anew: {other:?}"),
        }
    }

    fn hosts() -> Vec<String> {
        ["a", "a.n", "10.0.0.7"].map(str::to_owned).into()
    }

    fn after(
        stored: &Credentials,
        members: &Credentials,
        hosts: &[String],
        at: Duration,
    ) -> Credentials {
        let tls = ServerTls::Own(LIFE);
        content(&tls, stored, members, hosts, at).unwrap().unwrap()
    }

    #[test]
    fn what_was_made_is_kept_for_two_thirds_of_its_life_and_then_renewed_by_the_same_authority() {
        let members = members();
        let made = after(&Credentials::new(), &members, &hosts(), NOW);
        assert_eq!(
            made[CA_CERTIFICATE],
            members[howdah_plan::peer::CA_CERTIFICATE]
        );
        assert_eq!(after(&made, &members, &hosts(), NOW + LIFE * 6 / 10), made);
        let renewed = after(&made, &members, &hosts(), NOW + LIFE * 7 / 10);
        assert_ne!(renewed[CERTIFICATE], made[CERTIFICATE]);
        assert_ne!(renewed[KEY], made[KEY]);
        assert_eq!(renewed[CA_CERTIFICATE], made[CA_CERTIFICATE]);
    }

    #[test]
    fn every_name_and_address_is_vouched_for_and_a_new_one_makes_a_new_certificate() {
        let members = members();
        let made = after(&Credentials::new(), &members, &hosts(), NOW);
        for host in hosts() {
            assert_eq!(after(&made, &members, &[host], NOW), made);
        }
        let more = [hosts(), vec!["10.0.0.8".to_owned()]].concat();
        assert_ne!(after(&made, &members, &more, NOW), made);
    }

    #[test]
    fn a_certificate_of_clients_does_not_make_its_owner_a_member() {
        let members = members();
        let made = after(
            &Credentials::new(),
            &members,
            &["members.a.n".to_owned()],
            NOW,
        );
        let authority = Authority::read(&members).unwrap();
        let leaf = pair(&made, CERTIFICATE, KEY).unwrap();
        let hosts = ["members.a.n".to_owned()];
        let purpose = Purpose {
            hosts: &hosts,
            title: "",
            client: true,
            life: LIFE,
        };
        assert!(!authority.vouches(&leaf, purpose, &[NOW]));
    }

    #[test]
    fn what_is_damaged_or_of_another_authority_is_made_anew() {
        let (ours, others) = (members(), members());
        let made = after(&Credentials::new(), &ours, &hosts(), NOW);
        assert_ne!(after(&made, &others, &hosts(), NOW), made);
        for key in [CA_CERTIFICATE, CERTIFICATE, KEY] {
            let mut damaged = made.clone();
            damaged.insert(key.to_owned(), "x".to_owned());
            let healed = after(&damaged, &ours, &hosts(), NOW);
            assert_ne!(healed, damaged);
            assert_eq!(after(&healed, &ours, &hosts(), NOW), healed);
        }
    }

    #[test]
    fn the_one_of_cert_manager_is_taken_once_it_is_there_and_kept_while_it_is_made_again() {
        let (ours, others) = (members(), members());
        let theirs = after(&Credentials::new(), &others, &hosts(), NOW);
        let tls = |made| ServerTls::Issued {
            issuer: IssuerRef {
                name: "ca".to_owned(),
                kind: "Issuer".to_owned(),
                group: "cert-manager.io".to_owned(),
            },
            asked: None,
            own: LIFE,
            made,
        };
        let of = |made, stored: &Credentials| {
            let found = content(&tls(made), stored, &ours, &hosts(), NOW);
            found.unwrap().unwrap()
        };
        let first = of(None, &Credentials::new());
        assert!(
            !is_foreign(&first, &ours),
            "our own, until there is another"
        );
        assert_eq!(of(None, &first), first);
        let made = |authority: Option<&String>| Made {
            certificate: theirs[CERTIFICATE].clone(),
            key: theirs[KEY].clone(),
            authority: authority.cloned(),
        };
        let taken = of(Some(made(theirs.get(CA_CERTIFICATE))), &first);
        assert_eq!(taken, theirs);
        assert_eq!(of(None, &taken), theirs);
        let without = of(Some(made(None)), &taken);
        assert_eq!(without.keys().collect::<Vec<_>>(), [CERTIFICATE, KEY]);
        assert_eq!(of(None, &without), without);
    }

    #[test]
    fn the_users_certificate_is_taken_as_it_is_if_the_key_is_its_own() {
        let members = members();
        let one = after(&Credentials::new(), &members, &hosts(), NOW);
        let other = after(&Credentials::new(), &members, &hosts(), NOW);
        let tls = |certificate: &str, key: &str| ServerTls::Given {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        };
        let of = |tls: &ServerTls| content(tls, &one, &members, &hosts(), NOW);
        let taken = of(&tls(&other[CERTIFICATE], &other[KEY])).unwrap().unwrap();
        assert_eq!(taken.keys().collect::<Vec<_>>(), [CERTIFICATE, KEY]);
        for wrong in [
            tls(&other[CERTIFICATE], &one[KEY]),
            tls("", ""),
            tls("x", "y"),
        ] {
            assert!(matches!(of(&wrong), Err(Error::Given)));
        }
        assert!(of(&ServerTls::Off).unwrap().is_none());
    }
}
