//! The Postgres filters for Envoy 1.40: a library that an unmodified Envoy loads as a dynamic module.
//!
//! | part | name in Envoy's configuration | what it does |
//! |---|---|---|
//! | `listener` | listener filter `tls_request`, `{"tls": "offer" or "refuse"}` | answers requests for encryption in front of TLS |
//! | `network` | network filter `postgres`, `{"requireTls": true or false}` | follows both directions, refuses, counts, holds clients |
//! | `control` | bootstrap extension `control` | `POST /howdah/hold?seconds=N`, `POST /howdah/resume`, `GET /howdah/status` at the admin address |
//!
//! The network filter works alone too: it answers requests for encryption with a no. In front of a tcp_proxy that dials
//! at once, which is its default, it works and says in the log what is lost by that. With the listener filter, Envoy 1.40
//! drops clients that send a cancel request and close the connection without waiting for its end: libpq waits.
//!
//! What a connection may do is decided in `howdah-session`; here it is only translated. The module is trusted with
//! Envoy's whole process, so it fails closed: a panic ends the connection that it happened on, a configuration that it
//! does not understand is refused, and so is an Envoy with another interface, before anything of it is called.
//!
//! This is the only crate with unsafe code. All of it is in `abi` (what Envoy and the module call each
//! other by) and in the hooks, each of which only turns pointers into references for the code beside it.

#![expect(
    unsafe_code,
    reason = "the interface between Envoy and its modules is C; each block says why it is sound"
)]

#[cfg(panic = "abort")]
compile_error!("a panic must end one connection and not Envoy: build with panic = \"unwind\"");

mod abi;
mod clock;
mod config;
mod control;
mod guard;
mod listener;
mod network;
mod waiting;
