//! The library in the real Envoy, in front of a real Postgres and with real clients.

mod admin;
mod config;
mod crowds;
mod holding;
mod hostile;
mod loading;
mod programs;
mod queries;
mod streams;
mod tls;
mod wire;
mod world;
