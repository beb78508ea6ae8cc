//! What people may ask of this member and its cluster. Everything here needs authentication, and acts the
//! way every other tool does: by the control record and by annotations on this member's own Pod.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use howdah_ha::machine::{Progress, Record, Refused, Request, edit, progress};
use howdah_types::InstanceName;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::PostParams;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::{Shared, auth};
use crate::cluster::{self, call};
use crate::ids;
use crate::member::Member;
use crate::peers::{REINITIALISE, RESTART};
use crate::record;
use crate::refusal;
use crate::view::Role;

/// The longest body.
const LONGEST: usize = 16 << 10;
/// The time for a body to come.
const BODY: Duration = Duration::from_secs(5);
/// How long an answer waits for what it tells of.
const DONE: Duration = Duration::from_secs(60);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(200);
/// How often a record that changed meanwhile is judged anew.
const ATTEMPTS: u32 = 20;

/// What bodies may say; Patroni's names.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wish {
    leader: Option<String>,
    primary: Option<String>,
    candidate: Option<String>,
    member: Option<String>,
    scheduled_at: Option<String>,
    schedule: Option<String>,
    role: Option<String>,
    restart_pending: bool,
}

/// An answer other than success.
struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, format!("{}\n", self.1)).into_response()
    }
}

impl From<cluster::Error> for Refusal {
    fn from(error: cluster::Error) -> Self {
        let why = crate::chain::Chain(&error).to_string();
        Self(
            StatusCode::BAD_GATEWAY,
            format!("no use of the Kubernetes API: {why}"),
        )
    }
}

impl From<Refused> for Refusal {
    fn from(why: Refused) -> Self {
        let code = match why {
            Refused::NothingAsked => StatusCode::NOT_FOUND,
            Refused::Busy => StatusCode::CONFLICT,
            Refused::NoPrimary | Refused::Fenced => StatusCode::PRECONDITION_FAILED,
            Refused::NoRecord => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self(code, why.to_string())
    }
}

type Answer = Result<(StatusCode, String), Refusal>;

fn respond(answer: Answer) -> Response {
    match answer {
        Ok((code, text)) => (code, format!("{text}\n")).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

/// Checks who asks before anything of the body is read.
async fn admitted(member: &Member, headers: &HeaderMap, body: Body) -> Result<Wish, Response> {
    auth::check(member.instance.layout().clone(), headers).await?;
    let wrong = |text: &str| Refusal(StatusCode::BAD_REQUEST, text.to_owned()).into_response();
    let bytes = timeout(BODY, axum::body::to_bytes(body, LONGEST)).await;
    let bytes = match bytes {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(_)) => return Err(wrong("the body is too long or was cut")),
        Err(_) => return Err(wrong("the body did not come")),
    };
    if bytes.is_empty() {
        return Ok(Wish::default());
    }
    let wish: Wish =
        serde_json::from_slice(&bytes).map_err(|_| wrong("the body is not what it should be"))?;
    if wish.scheduled_at.is_some() || wish.schedule.is_some() {
        return Err(wrong(
            "nothing can be scheduled here: let a CronJob ask at the right time",
        ));
    }
    Ok(wish)
}

/// `POST /switchover`
pub(super) async fn switchover(State(member): Shared, headers: HeaderMap, body: Body) -> Response {
    match admitted(&member, &headers, body).await {
        Ok(wish) => respond(switch(&member, wish).await),
        Err(refused) => refused,
    }
}

async fn switch(member: &Member, wish: Wish) -> Answer {
    let Some(leader) = wish.leader.or(wish.primary) else {
        return Err(Refusal(
            StatusCode::BAD_REQUEST,
            "switchover could be performed only from a specific leader".to_owned(),
        ));
    };
    let (_, record) = read(member).await?;
    let holder = ids::name(&member.cluster.name, record.holder.member);
    if leader != holder.to_string() {
        return Err(Refusal(
            StatusCode::PRECONDITION_FAILED,
            "leader name does not match".to_owned(),
        ));
    }
    let to = match wish.candidate.or(wish.member) {
        Some(name) => Some(number(member, &name)?),
        None => None,
    };
    take_over(member, Request::Switchover { to }, "switched over").await
}

/// `DELETE /switchover`
pub(super) async fn cancel(State(member): Shared, headers: HeaderMap, body: Body) -> Response {
    match admitted(&member, &headers, body).await {
        Ok(_) => respond(take_back(&member).await),
        Err(refused) => refused,
    }
}

async fn take_back(member: &Member) -> Answer {
    change(member, Request::Cancel).await?;
    Ok((StatusCode::OK, "switchover deleted".to_owned()))
}

/// `POST /failover`
pub(super) async fn failover(State(member): Shared, headers: HeaderMap, body: Body) -> Response {
    let wish = match admitted(&member, &headers, body).await {
        Ok(wish) => wish,
        Err(refused) => return refused,
    };
    let Some(name) = wish.candidate.or(wish.member) else {
        let text = "failover could be performed only to a specific candidate";
        return respond(Err(Refusal(StatusCode::BAD_REQUEST, text.to_owned())));
    };
    respond(match number(&member, &name) {
        Ok(to) => take_over(&member, Request::Failover { to }, "failed over").await,
        Err(refusal) => Err(refusal),
    })
}

async fn take_over(member: &Member, wish: Request, done: &str) -> Answer {
    let before = change(member, wish).await?;
    let end = Instant::now() + DONE;
    loop {
        let (lease, now) = read(member).await?;
        match progress(&before, wish, &now) {
            Progress::Done => {
                let name = ids::name(&member.cluster.name, now.holder.member);
                return Ok((StatusCode::OK, format!("Successfully {done} to \"{name}\"")));
            }
            Progress::Dropped => {
                let why = refusal::since(&before, &lease);
                let why = why.unwrap_or_else(|| "the wish was taken back".to_owned());
                let text = format!("the primary stays: {why}");
                return Err(Refusal(StatusCode::PRECONDITION_FAILED, text));
            }
            Progress::Waiting(awaited) if Instant::now() >= end => {
                let text = format!("still waiting for {awaited}");
                return Err(Refusal(StatusCode::SERVICE_UNAVAILABLE, text));
            }
            Progress::Waiting(_) => sleep(LOOK).await,
        }
    }
}

/// `POST /restart`
pub(super) async fn restart(State(member): Shared, headers: HeaderMap, body: Body) -> Response {
    let wish = match admitted(&member, &headers, body).await {
        Ok(wish) => wish,
        Err(refused) => return refused,
    };
    let view = member.view.borrow().clone();
    let role = view.role.map(Role::word);
    let other = wish.role.as_deref().is_some_and(|wanted| {
        let wanted = if matches!(wanted, "leader" | "master") {
            "primary"
        } else {
            wanted
        };
        wanted != "any" && Some(wanted) != role
    });
    if other || wish.restart_pending && view.pending.is_empty() {
        let text = "restart conditions are not satisfied".to_owned();
        return respond(Err(Refusal(StatusCode::SERVICE_UNAVAILABLE, text)));
    }
    respond(ask(&member, RESTART, "restart").await)
}

/// `DELETE /restart`
pub(super) async fn no_restart(State(member): Shared, headers: HeaderMap, body: Body) -> Response {
    match admitted(&member, &headers, body).await {
        Ok(_) => respond(Err(Refusal(
            StatusCode::NOT_FOUND,
            "no restart is scheduled".to_owned(),
        ))),
        Err(refused) => refused,
    }
}

/// `POST /reload`
pub(super) async fn reload(State(member): Shared, headers: HeaderMap, body: Body) -> Response {
    if let Err(refused) = admitted(&member, &headers, body).await {
        return refused;
    }
    // Changed files are found without being asked for; this only makes it sooner.
    member.look.notify_one();
    respond(Ok((StatusCode::ACCEPTED, "reload scheduled".to_owned())))
}

/// `POST /reinitialize`
pub(super) async fn reinitialise(
    State(member): Shared,
    headers: HeaderMap,
    body: Body,
) -> Response {
    if let Err(refused) = admitted(&member, &headers, body).await {
        return refused;
    }
    if member.view.borrow().role.is_some_and(Role::leads) {
        let text = "I am the leader, can not reinitialize".to_owned();
        return respond(Err(Refusal(StatusCode::SERVICE_UNAVAILABLE, text)));
    }
    respond(ask(&member, REINITIALISE, "reinitialize").await)
}

/// Asks this member by its Pod, where the wish outlives this process.
async fn ask(member: &Arc<Member>, annotation: &str, what: &str) -> Answer {
    let wish = Timestamp::now().to_string();
    let metadata = json!({"annotations": {annotation: wish}});
    member.patch_own_pod("annotate the Pod", metadata).await?;
    tracing::info!(what, "asked by the REST API");
    Ok((StatusCode::ACCEPTED, format!("{what} started")))
}

fn number(member: &Member, name: &str) -> Result<howdah_ha::machine::Member, Refusal> {
    let missing = || {
        Refusal(
            StatusCode::PRECONDITION_FAILED,
            "candidate does not exist".to_owned(),
        )
    };
    let instance: InstanceName = name.parse().map_err(|_| missing())?;
    let peers = member.peers.borrow();
    let known = peers
        .as_ref()
        .is_some_and(|peers| peers.contains_key(&instance));
    ids::number(&instance).filter(|_| known).ok_or_else(missing)
}

async fn read(member: &Member) -> Result<(Lease, Record), Refusal> {
    let name = member.cluster.name.as_str();
    let lease = call("read the control record", member.cluster.leases.get(name)).await?;
    let text = record::text(&lease).unwrap_or_default();
    let record = serde_json::from_str(text).map_err(|_| Refused::NoRecord)?;
    Ok((lease, record))
}

/// Writes a wish down, and gives the record that it was written into.
async fn change(member: &Member, wish: Request) -> Result<Record, Refusal> {
    for _ in 0..ATTEMPTS {
        let (mut lease, _) = read(member).await?;
        let edited = edit(record::text(&lease).unwrap_or_default(), wish)?;
        let Some(text) = edited.text else {
            return Ok(edited.before);
        };
        record::set_text(&mut lease, text);
        let name = member.cluster.name.as_str();
        let parameters = PostParams::default();
        // With the version that was read: another writer's change is a conflict.
        let written = member.cluster.leases.replace(name, &parameters, &lease);
        match call("write the control record", written).await {
            Ok(_) => {
                tracing::info!(?wish, "written down for the REST API");
                return Ok(edited.before);
            }
            Err(error) if error.is_conflict() => sleep(LOOK).await,
            Err(error) => return Err(error.into()),
        }
    }
    let text = "the control record changes all the time: try again".to_owned();
    Err(Refusal(StatusCode::SERVICE_UNAVAILABLE, text))
}
