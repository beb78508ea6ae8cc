//! Members by number, as the machine has them, and by name, as everybody else has.

use howdah_ha::machine::Member as Number;
use howdah_types::{ClusterName, InstanceName};

/// The number of an instance; none for one that no machine can name.
pub(crate) fn number(instance: &InstanceName) -> Option<Number> {
    u16::try_from(instance.index()).ok().map(Number)
}

/// The instance with that number.
pub(crate) fn name(cluster: &ClusterName, number: Number) -> InstanceName {
    cluster.instance(number.0.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_names_its_instance() {
        let cluster: ClusterName = "simple".parse().unwrap();
        let instance: InstanceName = "simple-2".parse().unwrap();
        assert_eq!(number(&instance), Some(Number(2)));
        assert_eq!(name(&cluster, Number(2)), instance);
        assert_eq!(number(&"simple-65536".parse().unwrap()), None);
    }
}
