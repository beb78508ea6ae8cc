//! The system suite. Each test has a world of its own; nextest runs two of them at once.

mod failover;
mod kills;
mod kubectl;
mod lifecycle;
mod machine;
mod objects;
mod pooler;
mod proxy;
mod references;
mod refusals;
mod restarts;
mod standby;
mod streams;
mod verbs;
mod versions;
