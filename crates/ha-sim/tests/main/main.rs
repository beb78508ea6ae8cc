//! The bounded set of the gate: seeds that must pass, seeds that once failed, and the mutation check.

mod mutations;
mod seeds;
