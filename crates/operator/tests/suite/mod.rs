//! The cases and what they share.

mod account;
mod actor;
mod credentials;
mod lifecycle;
mod peer;
mod references;
mod replication;
mod rest;
mod webhook;
mod world;
