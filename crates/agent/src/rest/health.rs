//! The questions of probes and load balancers, answered by the status code; the body is the same.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use howdah_postgres::{Standing, XlogPosition};
use tokio::time::Instant;

use super::{Shared, members, patroni};
use crate::ids;
use crate::member::Member;
use crate::view::View;

/// The longest query that is looked at.
const LONGEST: usize = 1024;

/// A question, by its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    Primary,
    /// The primary of a cluster that follows another one.
    StandbyLeader,
    Replica,
    /// The primary or a replica.
    Reader,
    /// A replica that writes wait for.
    Sync,
    /// A replica that writes do not wait for.
    Async,
    /// The primary or a replica that writes wait for.
    SyncReader,
    Up,
    Ready,
}

/// What a query adds to a question.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Limits {
    /// The most bytes that the member may be behind.
    lag: Option<u64>,
    replication_state: Option<String>,
    tags: Vec<(String, String)>,
}

/// Answers one question.
pub(super) async fn answer(member: Arc<Member>, question: Question, query: RawQuery) -> Response {
    let view = member.view.borrow().clone();
    let Some(limits) = limits(query.0.as_deref().unwrap_or_default()) else {
        return (StatusCode::BAD_REQUEST, "the query cannot be understood\n").into_response();
    };
    let holds = is_so(&member, &view, question, Instant::now())
        && has_tags(&member, &limits)
        && has_state(&view, &limits)
        && is_near(&member, &view, &limits).await;
    let code = if holds {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (code, Json(patroni::status(&member, &view))).into_response()
}

/// Whether the driver lives.
pub(super) async fn liveness(State(member): Shared) -> StatusCode {
    let alive = member
        .view
        .borrow()
        .is_alive(Instant::now(), member.last_beat());
    if alive {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    }
}

fn is_so(member: &Member, view: &View, question: Question, now: Instant) -> bool {
    // A replica that shall get no reads says so to those who ask for replicas.
    let replica = view.is_replica(now) && !member.own_pod().is_some_and(|own| own.noloadbalance);
    let own = ids::number(&member.config.instance).map(|number| number.0);
    let named = own.is_some_and(|own| view.ha.standbys.contains(&own));
    let sync = named && view.ha.acks > 0;
    match question {
        Question::Primary => view.is_primary(now),
        Question::StandbyLeader => view.is_standby_leader(now),
        Question::Replica => replica,
        Question::Reader => view.is_primary(now) || view.is_standby_leader(now) || replica,
        Question::Sync => replica && sync,
        Question::Async => replica && !sync,
        Question::SyncReader => view.is_primary(now) || replica && sync,
        Question::Up => view.is_up(now),
        Question::Ready => view.is_ready(now),
    }
}

fn has_tags(member: &Member, limits: &Limits) -> bool {
    if limits.tags.is_empty() {
        return true;
    }
    let Some(own) = member.own_pod() else {
        return false;
    };
    limits.tags.iter().all(|(name, wanted)| {
        let is = match name.as_str() {
            "nofailover" => own.nofailover,
            "noloadbalance" => own.noloadbalance,
            "nosync" => own.nosync,
            _ => return false,
        };
        wanted.eq_ignore_ascii_case(if is { "true" } else { "false" })
    })
}

fn has_state(view: &View, limits: &Limits) -> bool {
    let Some(wanted) = limits.replication_state.as_deref() else {
        return true;
    };
    let state = view.standing().and_then(patroni::replication_state);
    state.as_deref() == Some(wanted)
}

/// True if the member is not further behind than it may be. The primary is asked how far it is; while
/// it gives no answer, what was received and not replayed counts.
async fn is_near(member: &Member, view: &View, limits: &Limits) -> bool {
    let Some(most) = limits.lag else {
        return true;
    };
    let Some(Standing::Standby { position, .. }) = view.standing() else {
        return true;
    };
    let XlogPosition {
        received, replayed, ..
    } = position;
    let replayed = replayed.unwrap_or_default();
    let end = match members::primary_position(member).await {
        Some(end) => end,
        None => received.unwrap_or(replayed),
    };
    end.max(replayed).ahead_of(replayed) <= most
}

/// Reads a query; none if a limit in it is no limit.
fn limits(query: &str) -> Option<Limits> {
    let mut limits = Limits::default();
    if query.len() > LONGEST {
        return None;
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "lag" => limits.lag = Some(bytes(value)?),
            "replication_state" => limits.replication_state = Some(value.to_owned()),
            name => {
                // Others are Patroni's or a cache buster's, and say nothing here.
                if let Some(tag) = name.strip_prefix("tag_") {
                    limits.tags.push((tag.to_owned(), value.to_owned()));
                }
            }
        }
    }
    Some(limits)
}

/// A number of bytes as Patroni takes it: `1048576`, `16kB`, `10MB`.
fn bytes(text: &str) -> Option<u64> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit {
        "" | "B" => 1,
        "kB" | "k" => 1 << 10,
        "MB" | "M" => 1 << 20,
        "GB" | "G" => 1 << 30,
        "TB" | "T" => 1 << 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn a_lag_has_a_unit_or_none() {
        for (text, expected) in [
            ("0", Some(0)),
            ("10", Some(10)),
            ("16kB", Some(16384)),
            ("10MB", Some(10 << 20)),
            ("", None),
            ("MB", None),
            ("-1", None),
            ("1.5MB", None),
            ("99999999999TB", None),
            ("1xB", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }

    #[test]
    fn a_query_is_read_as_far_as_it_says_something() {
        let expected = Limits {
            lag: Some(1024),
            replication_state: Some("streaming".to_owned()),
            tags: vec![("nosync".to_owned(), "true".to_owned())],
        };
        let query = "lag=1kB&x&replication_state=streaming&tag_nosync=true&y=1";
        assert_eq!(limits(query), Some(expected));
        assert_eq!(limits(""), Some(Limits::default()));
        assert_eq!(limits("lag=much"), None);
        assert_eq!(limits(&"a=1&".repeat(LONGEST)), None);
    }
}
