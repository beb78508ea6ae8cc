//! The server as clients see it, in process and over HTTPS; and the entry points of the fuzz targets.

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod server;
