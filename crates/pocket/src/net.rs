//! The network: Services as TCP forwarders.
