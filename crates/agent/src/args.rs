//! The command line, which in a Pod comes from the environment.

use std::net::IpAddr;

use howdah_postgres::PORT;
use howdah_types::{ClusterName, InstanceName, PgVersion};

/// Arguments of `howdah instance`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Folder that stands for the root of the container; empty in a container
    #[arg(long, env = "HOWDAH_ROOT", default_value = "", value_name = "FOLDER")]
    pub root: String,
    /// The one address to listen on; empty for all
    #[arg(
        long,
        env = "HOWDAH_BIND_ADDRESS",
        default_value = "",
        value_name = "IP"
    )]
    pub bind_address: String,
    /// Name of the cluster
    #[arg(long, env = "HOWDAH_CLUSTER", value_name = "NAME")]
    pub cluster: String,
    /// Version of Postgres that the operator chose
    #[arg(long, env = "HOWDAH_POSTGRES_VERSION", value_name = "VERSION")]
    pub postgres_version: String,
    /// "true" if this instance may create the cluster's database system
    #[arg(
        long,
        env = "HOWDAH_MAY_BOOTSTRAP",
        default_value = "",
        value_name = "BOOL"
    )]
    pub may_bootstrap: String,
    /// The port of this Pod that clients of the Services are sent to; empty for that of Postgres
    #[arg(long, env = "HOWDAH_PGPORT", default_value = "", value_name = "PORT")]
    pub pgport: String,
    /// The port of this Pod that clients are sent to who are not pooled; empty for that of Postgres
    #[arg(
        long,
        env = "HOWDAH_DIRECT_PORT",
        default_value = "",
        value_name = "PORT"
    )]
    pub direct_port: String,
    /// "true" if Postgres itself encrypts what clients send
    #[arg(
        long,
        env = "HOWDAH_SERVER_TLS",
        default_value = "",
        value_name = "BOOL"
    )]
    pub server_tls: String,
    /// Name of this Pod, which is that of the instance
    #[arg(long, env = "POD_NAME", value_name = "NAME")]
    pub pod_name: String,
    /// Namespace of this Pod
    #[arg(long, env = "POD_NAMESPACE", value_name = "NAME")]
    pub pod_namespace: String,
    /// UID of this Pod
    #[arg(long, env = "POD_UID", value_name = "UID")]
    pub pod_uid: String,
    /// Address of this Pod
    #[arg(long, env = "POD_IP", value_name = "IP")]
    pub pod_ip: String,
}

/// Arguments that cannot be used: every problem at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct ArgsError(Vec<String>);

/// Checked arguments.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) root: String,
    pub(crate) bind: Option<IpAddr>,
    pub(crate) cluster: ClusterName,
    pub(crate) instance: InstanceName,
    pub(crate) postgres_version: PgVersion,
    pub(crate) may_bootstrap: bool,
    pub(crate) pgport: u16,
    pub(crate) direct_port: u16,
    pub(crate) server_tls: bool,
    pub(crate) namespace: String,
    pub(crate) pod_uid: String,
    pub(crate) pod_ip: IpAddr,
}

impl TryFrom<Args> for Config {
    type Error = ArgsError;

    fn try_from(args: Args) -> Result<Self, ArgsError> {
        let Args {
            root,
            bind_address,
            cluster,
            postgres_version,
            may_bootstrap,
            pgport,
            direct_port,
            server_tls,
            pod_name,
            pod_namespace,
            pod_uid,
            pod_ip,
        } = args;
        let mut problems = Vec::new();
        let bind = match bind_address.as_str() {
            "" => None,
            address => parsed("bind address", address, &mut problems),
        };
        let mut port = |port: &str| match port {
            "" => Some(PORT),
            port => parsed("port for clients", port, &mut problems),
        };
        let ports = (port(&pgport), port(&direct_port));
        let cluster: Option<ClusterName> = parsed("cluster", &cluster, &mut problems);
        let instance: Option<InstanceName> = parsed("Pod name", &pod_name, &mut problems);
        let postgres_version = parsed("Postgres version", &postgres_version, &mut problems);
        let pod_ip = parsed("Pod address", &pod_ip, &mut problems);
        if let (Some(cluster), Some(instance)) = (&cluster, &instance)
            && instance.cluster() != cluster
        {
            problems.push(format!("Pod {instance} is not one of cluster {cluster}"));
        }
        for (name, value) in [("Pod namespace", &pod_namespace), ("Pod UID", &pod_uid)] {
            if value.is_empty() {
                problems.push(format!("{name} is empty"));
            }
        }
        match (cluster, instance, postgres_version, ports, pod_ip) {
            (
                Some(cluster),
                Some(instance),
                Some(postgres_version),
                (Some(pgport), Some(direct_port)),
                Some(pod_ip),
            ) if problems.is_empty() => Ok(Self {
                root,
                bind,
                cluster,
                instance,
                postgres_version,
                may_bootstrap: may_bootstrap == "true",
                pgport,
                direct_port,
                server_tls: server_tls == "true",
                namespace: pod_namespace,
                pod_uid,
                pod_ip,
            }),
            _ => Err(ArgsError(problems)),
        }
    }
}

impl Config {
    /// True if Postgres sees connections of the proxy instead of those of clients.
    pub(crate) fn is_behind_proxy(&self) -> bool {
        self.direct_port != PORT
    }
}

fn parsed<T>(name: &str, text: &str, problems: &mut Vec<String>) -> Option<T>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    text.parse()
        .map_err(|error| problems.push(format!("{name} \"{text}\": {error}")))
        .ok()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The checked arguments of an instance in a container.
    pub(crate) fn config() -> Config {
        Config::try_from(args()).unwrap()
    }

    fn args() -> Args {
        Args {
            root: String::new(),
            bind_address: String::new(),
            cluster: "simple".to_owned(),
            postgres_version: "18.6".to_owned(),
            may_bootstrap: "true".to_owned(),
            pgport: String::new(),
            direct_port: String::new(),
            server_tls: String::new(),
            pod_name: "simple-0".to_owned(),
            pod_namespace: "default".to_owned(),
            pod_uid: "u".to_owned(),
            pod_ip: "10.0.0.7".to_owned(),
        }
    }

    #[test]
    fn an_empty_variable_means_the_default() {
        let config = config();
        assert!(!config.is_behind_proxy());
        assert_eq!(config.bind, None);
        assert_eq!(config.pgport, PORT);
        assert!(config.may_bootstrap);
        let mut args = args();
        args.may_bootstrap = String::new();
        assert!(!Config::try_from(args).unwrap().may_bootstrap);
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let mut args = args();
        args.pod_name = "other-0".to_owned();
        args.pod_ip = "somewhere".to_owned();
        args.pod_uid = String::new();
        args.pgport = "70000".to_owned();
        args.direct_port = "-1".to_owned();
        let error = Config::try_from(args).unwrap_err();
        assert_eq!(error.0.len(), 5, "{error}");
        assert!(
            error
                .to_string()
                .contains("Pod other-0 is not one of cluster simple")
        );
    }
}
