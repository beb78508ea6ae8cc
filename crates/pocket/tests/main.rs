//! The server as clients see it: in process and over HTTPS.

#[cfg(test)]
mod server;
