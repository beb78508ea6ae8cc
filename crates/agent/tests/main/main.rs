//! Agents in this process, over pocket's API, with real servers of Postgres 18.

mod cluster;
mod configuration;
mod failover;
mod healing;
mod instance;
mod people;
mod world;
