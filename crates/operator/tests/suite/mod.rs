//! The cases and what they share.

mod account;
mod actor;
mod cert_manager;
mod credentials;
mod lifecycle;
mod namespaces;
mod network;
mod peer;
mod references;
mod replication;
mod rest;
mod webhook;
mod world;
