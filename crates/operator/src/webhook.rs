//! Admission webhooks: what is filled in and refused before an object is stored.
//!
//! What is said is decided by `howdah_plan::admission`; here it is asked over HTTPS, as API servers ask. All
//! operators answer, the leader alone keeps the certificates. A webhook that cannot be reached holds up nothing:
//! the same rules are part of every pass.
//!
//! | module | owns |
//! |---|---|
//! | `review` | an `AdmissionReview`, from its bytes to the bytes of the answer |
//! | `size` | how much is taken of what comes in |
//! | `look` | the little that an answer needs of the API server |
//! | `server` | connections, TLS, time limits |
//! | `generation` | certificates: when there is a new one, and who is trusted meanwhile |
//! | `keeper` | the leader's part: the Secret, and whom API servers trust |
//! | `source` | every operator's part: the certificate that it shows |

mod generation;
mod keeper;
mod look;
mod review;
mod server;
mod size;
mod source;

pub(crate) use keeper::keep;
pub(crate) use server::{MUTATE, VALIDATE, serve};

/// Name of the Service, and of the configurations of either sort.
pub(crate) const NAME: &str = "howdah-operator";

/// Name of the Secret with the certificates, in the operator's namespace.
pub(crate) const SECRET: &str = "howdah-webhook";

/// The name by which API servers call the operators of a namespace.
fn host(namespace: &str) -> String {
    format!("{NAME}.{namespace}.svc")
}
