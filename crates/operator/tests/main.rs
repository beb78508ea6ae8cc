//! The operator against a real API server in this process; Postgres itself is played.
//!
//! `actor` stands in for the instances: it makes Pods ready, holds the control record, and lets
//! Pods end that are deleted. Everything else is real.

mod suite;
