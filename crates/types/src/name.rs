//! Names of clusters and of their instances.

use std::fmt;
use std::str::FromStr;

use crate::text::serde_as_text;

/// The longest cluster name, in bytes: every derived object name still fits a DNS label (63).
pub const CLUSTER_NAME_MAX: usize = 44;

/// Why a text is no cluster or instance name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseNameError {
    /// The text is empty or longer than [`CLUSTER_NAME_MAX`].
    #[error("name \"{0}\" must have 1 to {CLUSTER_NAME_MAX} characters")]
    Length(String),
    /// The text has a character, or one at a place, that a DNS label does not allow.
    #[error(
        "name \"{0}\" must be lower-case letters, digits and '-', start with a letter and not end with '-'"
    )]
    Characters(String),
    /// The text is not `<cluster>-<index>`.
    #[error("instance name \"{0}\" must be a cluster name, '-' and a number")]
    Index(String),
}

/// The name of an `SGCluster`: 1 to 44 characters of `[a-z]([-a-z0-9]*[a-z0-9])?`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterName(String);

impl ClusterName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of this cluster's instance with that index.
    pub fn instance(&self, index: u32) -> InstanceName {
        InstanceName {
            cluster: self.clone(),
            index,
        }
    }
}

impl FromStr for ClusterName {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() || text.len() > CLUSTER_NAME_MAX {
            return Err(ParseNameError::Length(text.to_owned()));
        }
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let starts = text.starts_with(|c: char| c.is_ascii_lowercase());
        if !starts || text.ends_with('-') || !text.chars().all(allowed) {
            return Err(ParseNameError::Characters(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

serde_as_text!(ClusterName);

/// The name of one instance (and of its Pod): `<cluster>-<index>`, for example `simple-0`.
///
/// Ordered by cluster, then by index as a number, so `simple-2` comes before `simple-10`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceName {
    cluster: ClusterName,
    index: u32,
}

impl InstanceName {
    /// The cluster that the instance belongs to.
    pub fn cluster(&self) -> &ClusterName {
        &self.cluster
    }

    /// The number at the end of the name, from 0.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// The physical replication slot that this instance uses on its primary.
    ///
    /// Slot names allow only `[a-z0-9_]` (PostgreSQL manual 26.2.6.1), so `-` becomes `_`.
    pub fn slot(&self) -> String {
        self.to_string().replace('-', "_")
    }
}

impl FromStr for InstanceName {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let not_an_index = || ParseNameError::Index(text.to_owned());
        let (cluster, index) = text.rsplit_once('-').ok_or_else(not_an_index)?;
        let canonical = index == "0" || !index.starts_with(['0', '+']);
        if !canonical {
            return Err(not_an_index());
        }
        let index = index.parse().map_err(|_| not_an_index())?;
        Ok(Self {
            cluster: cluster.parse()?,
            index,
        })
    }
}

impl fmt::Display for InstanceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.cluster, self.index)
    }
}

serde_as_text!(InstanceName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cluster_names_keep_to_the_limits_of_the_api() {
        for good in ["a", "simple", "my-db-2", &"a".repeat(44)] {
            assert_eq!(good.parse::<ClusterName>().unwrap().as_str(), good);
        }
        for bad in ["", "A", "1a", "-a", "a-", "a_b", "ä", &"a".repeat(45)] {
            assert!(bad.parse::<ClusterName>().is_err(), "{bad} must be refused");
        }
    }

    #[test]
    fn instance_names_are_a_cluster_and_an_index() {
        let name: InstanceName = "my-db-12".parse().unwrap();
        assert_eq!(name.cluster().as_str(), "my-db");
        assert_eq!(name.index(), 12);
        assert_eq!(name.slot(), "my_db_12");
        for bad in [
            "simple",
            "simple-",
            "simple-01",
            "simple-x",
            "-1",
            "simple-+1",
            "simple-4294967296",
        ] {
            assert!(
                bad.parse::<InstanceName>().is_err(),
                "{bad} must be refused"
            );
        }
    }

    #[test]
    fn instances_are_ordered_by_number() {
        let name = |text: &str| text.parse::<InstanceName>().unwrap();
        assert!(name("simple-2") < name("simple-10"));
    }

    #[test]
    fn names_travel_as_text() {
        let json = serde_json::to_string(&"simple-0".parse::<InstanceName>().unwrap()).unwrap();
        assert_eq!(json, "\"simple-0\"");
        assert!(serde_json::from_str::<InstanceName>("\"Simple-0\"").is_err());
    }
}
