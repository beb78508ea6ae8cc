//! Certificates: when there is a new one, and who is trusted meanwhile.
//!
//! A *generation* is an authority and the one certificate that it ever issues: its key is forgotten at once, so that
//! nobody can steal it. When a generation has lived two thirds of its life there is a *next* one, which is
//! trusted for a day before anybody shows it. Then it is the current one, and the authority before it stays trusted
//! until there is a next one again, for operators that still show its certificate. So at every moment API servers
//! trust all that operators may show.

use std::time::Duration;

use howdah_plan::credentials::Credentials;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::certificates::{self, Authority, BACK, DAY, Error, MOST_BYTES, Purpose, pair};

/// Life of a generation.
pub(super) const LIFE: Duration = Duration::from_secs(90 * DAY);

/// How long the next generation is trusted before it is shown.
pub(super) const OVERLAP: Duration = Duration::from_secs(DAY);

/// Key of the authority that is trusted though it has issued nothing that is current.
const PREVIOUS: &str = "previous-ca.crt";

/// Keys of a generation: authority, certificate, private key.
type Keys = [&'static str; 3];

pub(super) const CURRENT: Keys = ["ca.crt", "tls.crt", "tls.key"];
const NEXT: Keys = ["next-ca.crt", "next-tls.crt", "next-tls.key"];

/// What was stored of a generation, or is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Generation([String; 3]);

impl Generation {
    fn new(hosts: &[String], now: Duration) -> Result<Self, Error> {
        let kind = certificates::Kind {
            title: "howdah-webhook",
            life: LIFE + BACK,
        };
        let authority = Authority::new(kind, now)?;
        let (certificate, key) = authority.issue(purpose(hosts), now)?;
        Ok(Self([authority.pem, certificate, key]))
    }

    fn read(stored: &Credentials, keys: Keys) -> Option<Self> {
        let [authority, certificate, key] = keys.map(|key| stored.get(key).cloned());
        Some(Self([authority?, certificate?, key?]))
    }

    /// Whether those who trust its authority accept its certificate at this time.
    fn holds(&self, hosts: &[String], at: Duration) -> bool {
        let Self([authority, certificate, key]) = self;
        let texts = [("certificate", certificate), ("key", key)];
        let texts = texts.map(|(name, text)| (name.to_owned(), text.clone()));
        let (Some(authority), Some(leaf)) = (
            trusted(authority),
            pair(&texts.into(), "certificate", "key"),
        ) else {
            return false;
        };
        certificates::vouches(&authority, &leaf, purpose(hosts), &[at])
    }

    /// Whether it was made so long ago.
    fn is_older_than(&self, age: Duration, hosts: &[String], now: Duration) -> bool {
        // Its first day was in the past already when it was made.
        self.holds(hosts, now.saturating_sub(BACK + age))
    }

    fn store(self, keys: Keys, content: &mut Credentials) {
        let pairs = keys.into_iter().zip(self.0);
        content.extend(pairs.map(|(key, value)| (key.to_owned(), value)));
    }
}

fn purpose(hosts: &[String]) -> Purpose<'_> {
    Purpose {
        hosts,
        title: "howdah-webhook",
        client: false,
        life: LIFE + BACK,
    }
}

fn trusted(pem: &str) -> Option<CertificateDer<'static>> {
    let short = pem.len() <= MOST_BYTES;
    short.then(|| CertificateDer::from_pem_slice(pem.as_bytes()).ok())?
}

/// The authorities to be trusted, as PEM; nothing if none is stored.
pub(super) fn bundle(stored: &Credentials) -> String {
    let keys = [CURRENT[0], NEXT[0], PREVIOUS];
    let texts = keys.into_iter().filter_map(|key| stored.get(key));
    let texts = texts.filter(|pem| trusted(pem).is_some());
    texts.map(|pem| format!("{}\n", pem.trim_end())).collect()
}

/// What is to be stored in place of what is; none if that is good. `told` tells whether all API servers have
/// been told to trust what is stored.
pub(super) fn judge(
    stored: &Credentials,
    hosts: &[String],
    now: Duration,
    told: bool,
) -> Result<Option<Credentials>, Error> {
    let kept = |keys| Generation::read(stored, keys).filter(|kept| kept.holds(hosts, now));
    let (current, next) = (kept(CURRENT), kept(NEXT));
    let mut content = Credentials::new();
    match (current, next) {
        // Whatever is shown now, nobody accepts it.
        (None, next) => {
            let new = next.map_or_else(|| Generation::new(hosts, now), Ok)?;
            new.store(CURRENT, &mut content);
        }
        (Some(current), Some(next)) if told && next.is_older_than(OVERLAP, hosts, now) => {
            let [authority, ..] = current.0;
            next.store(CURRENT, &mut content);
            content.insert(PREVIOUS.to_owned(), authority);
        }
        (Some(current), next) => {
            let next = match next {
                None if !current.holds(hosts, now + LIFE / 3) => Some(Generation::new(hosts, now)?),
                next => next,
            };
            let previous = stored.get(PREVIOUS).filter(|pem| trusted(pem).is_some());
            if let (None, Some(previous)) = (&next, previous) {
                content.insert(PREVIOUS.to_owned(), previous.clone());
            }
            current.store(CURRENT, &mut content);
            if let Some(next) = next {
                next.store(NEXT, &mut content);
            }
        }
    }
    Ok((content != *stored).then_some(content))
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    const NOW: Duration = Duration::from_secs(1_800_000_000);

    fn days(days: u64) -> Duration {
        Duration::from_secs(days * DAY)
    }

    fn hosts() -> Vec<String> {
        vec![super::super::host("n")]
    }

    fn judged(stored: &Credentials, now: Duration) -> Option<Credentials> {
        judge(stored, &hosts(), now, true).unwrap()
    }

    fn made(now: Duration) -> Credentials {
        judged(&Credentials::new(), now).unwrap()
    }

    /// Whether an API server that trusts this bundle accepts an operator that shows this certificate.
    fn accepts(bundle: &str, shown: &Credentials, now: Duration) -> bool {
        let leaf = pair(shown, CURRENT[1], CURRENT[2]).unwrap();
        CertificateDer::pem_slice_iter(bundle.as_bytes()).any(|authority| {
            certificates::vouches(&authority.unwrap(), &leaf, purpose(&hosts()), &[now])
        })
    }

    #[test]
    fn what_was_made_is_good_for_two_thirds_of_its_life() {
        let made = made(NOW);
        assert_eq!(
            made.keys().collect::<Vec<_>>(),
            ["ca.crt", "tls.crt", "tls.key"]
        );
        for later in [0, 1, 58] {
            assert_eq!(judged(&made, NOW + days(later)), None);
        }
        assert!(judged(&made, NOW + days(61)).is_some());
    }

    /// A server that looks every ten hours, and another that is slower by a whole day.
    #[test]
    fn for_a_year_every_certificate_that_may_be_shown_is_trusted_by_all() {
        let hours = |hours: u64| Duration::from_secs(hours * 60 * 60);
        let first = made(NOW);
        let mut past = vec![first.clone(); 3];
        let (mut stored, mut rotations) = (first, 0);
        for step in 0..(365 * 24 / 10) {
            let now = NOW + hours(step * 10);
            if let Some(new) = judged(&stored, now) {
                rotations += u32::from(new["tls.crt"] != stored["tls.crt"]);
                stored = new;
            }
            past.push(stored.clone());
            let seen = &past[past.len() - 3..];
            for trusting in seen {
                for showing in seen {
                    assert!(accepts(&bundle(trusting), showing, now), "step {step}");
                }
            }
        }
        assert!((5..=6).contains(&rotations), "{rotations}");
    }

    #[test]
    fn nothing_is_shown_before_all_have_been_told_to_trust_it() {
        let stored = judged(&made(NOW), NOW + days(61)).unwrap();
        let late = NOW + days(80);
        assert_eq!(judge(&stored, &hosts(), late, false).unwrap(), None);
        let shown = judge(&stored, &hosts(), late, true).unwrap().unwrap();
        assert_ne!(shown["tls.crt"], stored["tls.crt"]);
        assert_eq!(shown["previous-ca.crt"], stored["ca.crt"]);
        // However late that was, the authority before it stays trusted for a while.
        for later in [0, 1, 30] {
            assert_eq!(
                judge(&shown, &hosts(), NOW + days(81 + later), true).unwrap(),
                None
            );
        }
        // And never in the moment in which it is made.
        assert_eq!(
            judge(&stored, &hosts(), NOW + days(60), true).unwrap(),
            None
        );
    }

    #[test]
    fn what_nobody_accepts_is_replaced_at_once() {
        let good = made(NOW);
        let other = made(NOW);
        for key in CURRENT {
            for damage in ["", "x", other[key].as_str()] {
                let mut damaged = good.clone();
                damaged.insert(key.to_owned(), damage.to_owned());
                let new = judged(&damaged, NOW).unwrap();
                assert!(accepts(&bundle(&new), &new, NOW));
                assert_ne!(new["tls.key"], good["tls.key"]);
            }
        }
        assert!(judged(&good, NOW + days(91)).is_some());
        let moved = judge(&good, &["howdah-operator.m.svc".to_owned()], NOW, true);
        assert!(moved.unwrap().is_some());
        let mut foreign = good.clone();
        foreign.insert("else".to_owned(), "x".to_owned());
        assert_eq!(judged(&foreign, NOW), Some(good));
    }

    #[test]
    fn a_damaged_next_generation_is_made_again_and_never_trusted() {
        let stored = judged(&made(NOW), NOW + days(61)).unwrap();
        let mut damaged = stored.clone();
        damaged.insert("next-ca.crt".to_owned(), "x".to_owned());
        assert_eq!(bundle(&damaged), stored["ca.crt"]);
        let new = judged(&damaged, NOW + days(63)).unwrap();
        assert_eq!(new["tls.crt"], stored["tls.crt"]);
        assert_ne!(new["next-tls.crt"], stored["next-tls.crt"]);
    }
}
