//! The cases and what they share.

mod actor;
mod credentials;
mod lifecycle;
mod references;
mod rest;
mod world;
