//! Real connections with real certificates, each member on a loopback address of its own.

mod peers;
mod strangers;
mod world;
