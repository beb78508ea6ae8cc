//! Probes and hooks with every default filled in and every port a number.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, ExecAction, HTTPGetAction, LifecycleHandler, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::Problem;

/// One probe of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProbePlan {
    /// What to do.
    pub(crate) check: Check,
    /// How long after the start to begin.
    pub(crate) initial_delay: Duration,
    /// How often.
    pub(crate) period: Duration,
    /// How long an answer may take.
    pub(crate) timeout: Duration,
    /// How many good answers in a row make it pass.
    pub(crate) success_threshold: u32,
    /// How many bad answers in a row make it fail.
    pub(crate) failure_threshold: u32,
    /// The grace period when a failure stops the container.
    pub(crate) grace: Option<Duration>,
}

/// How to find out, or what to do in a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// Run a program in the container.
    Exec(Vec<String>),
    /// Get a page.
    Http(HttpCheck),
    /// Ask the health service of gRPC.
    Grpc {
        /// The port.
        port: u16,
        /// The service to ask about; all of them when empty.
        service: String,
    },
    /// Connect.
    Tcp {
        /// Where; the Pod's address when not said.
        host: Option<String>,
        /// The port.
        port: u16,
    },
    /// Wait; only as a hook.
    Sleep(Duration),
}

/// A page to get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HttpCheck {
    /// Where; the Pod's address when not said.
    pub(crate) host: Option<String>,
    /// The port.
    pub(crate) port: u16,
    /// Whether to speak TLS. Whose certificate it is does not matter.
    pub(crate) tls: bool,
    /// What to ask for.
    pub(crate) path: String,
    /// More headers.
    pub(crate) headers: Vec<(String, String)>,
}

/// The probes of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Probes {
    /// Holds back the other two.
    pub(crate) startup: Option<ProbePlan>,
    /// Decides whether the container is ready.
    pub(crate) readiness: Option<ProbePlan>,
    /// Decides whether the container must be restarted.
    pub(crate) liveness: Option<ProbePlan>,
}

/// Plans the probes of a container.
pub(crate) fn probes(container: &Container) -> Result<Probes, Problem> {
    let plan = |probe: &Option<Probe>| -> Result<Option<ProbePlan>, Problem> {
        probe
            .as_ref()
            .map(|probe| plan(container, probe))
            .transpose()
    };
    Ok(Probes {
        startup: plan(&container.startup_probe)?,
        readiness: plan(&container.readiness_probe)?,
        liveness: plan(&container.liveness_probe)?,
    })
}

/// Plans the `preStop` hook of a container.
pub(crate) fn pre_stop(container: &Container) -> Result<Option<Check>, Problem> {
    let hook = container
        .lifecycle
        .as_ref()
        .and_then(|all| all.pre_stop.as_ref());
    hook.map(|hook| handler(container, hook)).transpose()
}

/// Plans the `postStart` hook of a container.
pub(crate) fn post_start(container: &Container) -> Result<Option<Check>, Problem> {
    let hook = container
        .lifecycle
        .as_ref()
        .and_then(|all| all.post_start.as_ref());
    hook.map(|hook| handler(container, hook)).transpose()
}

fn handler(container: &Container, hook: &LifecycleHandler) -> Result<Check, Problem> {
    if let Some(sleep) = &hook.sleep {
        let seconds = u64::try_from(sleep.seconds).unwrap_or_default();
        return Ok(Check::Sleep(Duration::from_secs(seconds)));
    }
    check(container, hook.exec.as_ref(), hook.http_get.as_ref())?
        .ok_or_else(|| unsupported(container, "hook"))
}

fn plan(container: &Container, probe: &Probe) -> Result<ProbePlan, Problem> {
    let check = match check(container, probe.exec.as_ref(), probe.http_get.as_ref())? {
        Some(check) => check,
        None => match (&probe.tcp_socket, &probe.grpc) {
            (Some(tcp), _) => Check::Tcp {
                host: tcp.host.clone(),
                port: port(container, &tcp.port)?,
            },
            (None, Some(grpc)) => Check::Grpc {
                port: port(container, &IntOrString::Int(grpc.port))?,
                service: grpc.service.clone().unwrap_or_default(),
            },
            (None, None) => return Err(unsupported(container, "probe")),
        },
    };
    Ok(ProbePlan {
        check,
        initial_delay: seconds(probe.initial_delay_seconds, 0),
        period: seconds(probe.period_seconds, 10),
        timeout: seconds(probe.timeout_seconds, 1),
        success_threshold: count(probe.success_threshold, 1),
        failure_threshold: count(probe.failure_threshold, 3),
        grace: probe
            .termination_grace_period_seconds
            .and_then(|seconds| u64::try_from(seconds).ok())
            .map(Duration::from_secs),
    })
}

fn check(
    container: &Container,
    exec: Option<&ExecAction>,
    http: Option<&HTTPGetAction>,
) -> Result<Option<Check>, Problem> {
    if let Some(exec) = exec {
        return Ok(Some(Check::Exec(exec.command.clone().unwrap_or_default())));
    }
    let Some(http) = http else { return Ok(None) };
    let headers = http.http_headers.iter().flatten();
    let path = http.path.as_deref().unwrap_or_default();
    Ok(Some(Check::Http(HttpCheck {
        host: http.host.clone(),
        port: port(container, &http.port)?,
        tls: http.scheme.as_deref() == Some("HTTPS"),
        path: format!("/{}", path.trim_start_matches('/')),
        headers: headers
            .map(|header| (header.name.clone(), header.value.clone()))
            .collect(),
    })))
}

fn port(container: &Container, port: &IntOrString) -> Result<u16, Problem> {
    let number = match port {
        IntOrString::Int(number) => Some(*number),
        IntOrString::String(name) => container
            .ports
            .iter()
            .flatten()
            .find(|port| port.name.as_ref() == Some(name))
            .map(|port| port.container_port)
            .or_else(|| name.parse().ok()),
    };
    number
        .and_then(|number| u16::try_from(number).ok())
        .ok_or_else(|| {
            Problem::config(format!(
                "container {:?} has no port {port:?} that its probe could use",
                container.name
            ))
        })
}

fn unsupported(container: &Container, what: &str) -> Problem {
    Problem::config(format!(
        "container {:?} has a {what} of a kind that does not exist on this platform",
        container.name
    ))
}

fn seconds(value: Option<i32>, default: u32) -> Duration {
    // Kubernetes reads zero as "not said"; only the initial delay may be zero, and its default is.
    Duration::from_secs(u64::from(count(value, default)))
}

fn count(value: Option<i32>, default: u32) -> u32 {
    value
        .and_then(|value| u32::try_from(value).ok())
        .filter(|&value| value > 0)
        .unwrap_or(default)
}
