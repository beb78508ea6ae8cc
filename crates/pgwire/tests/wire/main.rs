//! Tests of the codec from outside: shapes, limits, splits, and sessions of real programs.

#[cfg(test)]
mod captures;
#[cfg(test)]
mod checks;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod malformed;
#[cfg(test)]
mod round_trip_backend;
#[cfg(test)]
mod round_trip_frontend;
#[cfg(test)]
mod round_trip_other;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod seeds;
#[cfg(test)]
mod session;
#[cfg(test)]
mod splits;
#[cfg(test)]
mod values;
