//! Authentication...: what the server wants to be shown, and that it was.

use std::ffi::CStr;

use super::tag;
use crate::message::Wire;
use crate::read::Reader;
use crate::{List, Secret, Shape, write};

/// The Int32 that tells these messages apart (54.7, Authentication...).
mod code {
    pub(super) const OK: u32 = 0;
    pub(super) const KERBEROS_V5: u32 = 2;
    pub(super) const CLEARTEXT_PASSWORD: u32 = 3;
    pub(super) const MD5_PASSWORD: u32 = 5;
    pub(super) const GSS: u32 = 7;
    pub(super) const GSS_CONTINUE: u32 = 8;
    pub(super) const SSPI: u32 = 9;
    pub(super) const SASL: u32 = 10;
    pub(super) const SASL_CONTINUE: u32 = 11;
    pub(super) const SASL_FINAL: u32 = 12;
}

/// A step of the authentication (54.7, Authentication...; 54.3, SASL Authentication).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication<'a> {
    /// The client is who it says.
    Ok,
    /// Kerberos V5, which no server since 9.3 asks for.
    KerberosV5,
    /// Send the password as it is.
    CleartextPassword,
    /// Send the password hashed with this.
    Md5Password {
        /// Makes the hash good for this connection only.
        salt: [u8; 4],
    },
    /// Begin a GSSAPI exchange.
    Gss,
    /// The next token of a GSSAPI or SSPI exchange.
    GssContinue {
        /// The token.
        data: Secret<'a>,
    },
    /// Begin an SSPI exchange.
    Sspi,
    /// Begin a SASL exchange.
    Sasl {
        /// What the server offers, the best first.
        mechanisms: List<'a, &'a CStr>,
    },
    /// The next token of a SASL exchange.
    SaslContinue {
        /// The token.
        data: Secret<'a>,
    },
    /// The last token of a SASL exchange; [`Self::Ok`] follows.
    SaslFinal {
        /// The token.
        data: Secret<'a>,
    },
}

impl<'a> Wire<'a> for Authentication<'a> {
    const NAME: &'static str = "Authentication";
    const TAG: u8 = tag::AUTHENTICATION;

    fn read(reader: &mut Reader<'a>) -> Result<Self, Shape> {
        Ok(match reader.u32()? {
            code::OK => Self::Ok,
            code::KERBEROS_V5 => Self::KerberosV5,
            code::CLEARTEXT_PASSWORD => Self::CleartextPassword,
            code::MD5_PASSWORD => Self::Md5Password {
                salt: reader.array()?,
            },
            code::GSS => Self::Gss,
            code::GSS_CONTINUE => Self::GssContinue {
                data: token(reader),
            },
            code::SSPI => Self::Sspi,
            code::SASL => Self::Sasl {
                mechanisms: mechanisms(reader)?,
            },
            code::SASL_CONTINUE => Self::SaslContinue {
                data: token(reader),
            },
            code::SASL_FINAL => Self::SaslFinal {
                data: token(reader),
            },
            code => {
                return Err(Shape::UnknownCode {
                    what: "kind of authentication",
                    code,
                });
            }
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        write::u32(out, self.code());
        match self {
            Self::Ok | Self::KerberosV5 | Self::CleartextPassword | Self::Gss | Self::Sspi => (),
            Self::Md5Password { salt } => out.extend_from_slice(salt),
            Self::Sasl { mechanisms } => mechanisms.write_terminated(out),
            Self::GssContinue { data } | Self::SaslContinue { data } | Self::SaslFinal { data } => {
                out.extend_from_slice(data.expose())
            }
        }
    }
}

impl Authentication<'_> {
    const fn code(&self) -> u32 {
        match self {
            Self::Ok => code::OK,
            Self::KerberosV5 => code::KERBEROS_V5,
            Self::CleartextPassword => code::CLEARTEXT_PASSWORD,
            Self::Md5Password { .. } => code::MD5_PASSWORD,
            Self::Gss => code::GSS,
            Self::GssContinue { .. } => code::GSS_CONTINUE,
            Self::Sspi => code::SSPI,
            Self::Sasl { .. } => code::SASL,
            Self::SaslContinue { .. } => code::SASL_CONTINUE,
            Self::SaslFinal { .. } => code::SASL_FINAL,
        }
    }
}

fn token<'a>(reader: &mut Reader<'a>) -> Secret<'a> {
    Secret::new(reader.rest())
}

/// The limit of the message bounds the number of names.
fn mechanisms<'a>(reader: &mut Reader<'a>) -> Result<List<'a, &'a CStr>, Shape> {
    List::terminated(reader, usize::MAX).map(Option::unwrap_or_default)
}
