//! Passwords and tokens: four messages that share a type byte.

use std::ffi::CStr;
use std::fmt;

use super::tag;
use crate::message::{Body, Wire};
use crate::read::Reader;
use crate::{Error, Secret, Shape, write};

/// GSSResponse, PasswordMessage, SASLInitialResponse or SASLResponse (54.7).
///
/// Nothing in the message says which. After AuthenticationCleartextPassword and AuthenticationMD5Password it is a
/// [`Self::password`], after AuthenticationSASL a [`Self::sasl_initial`]; after AuthenticationSASLContinue,
/// AuthenticationGSS, AuthenticationSSPI and AuthenticationGSSContinue all of it is the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthenticationResponse<'a> {
    /// The whole body.
    pub data: Secret<'a>,
}

impl<'a> AuthenticationResponse<'a> {
    /// The body as a password.
    ///
    /// # Errors
    /// If it is not one string.
    pub fn password(&self) -> Result<PasswordMessage<'a>, Error> {
        PasswordMessage::decode(self.data.expose())
    }

    /// The body as the first message of a SASL exchange.
    ///
    /// # Errors
    /// If it is not of that form.
    pub fn sasl_initial(&self) -> Result<SaslInitialResponse<'a>, Error> {
        SaslInitialResponse::decode(self.data.expose())
    }
}

impl<'a> Wire<'a> for AuthenticationResponse<'a> {
    const NAME: &'static str = "authentication response";
    const TAG: u8 = tag::AUTHENTICATION_RESPONSE;

    fn read(reader: &mut Reader<'a>) -> Result<Self, Shape> {
        Ok(Self {
            data: Secret::new(reader.rest()),
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.data.expose());
    }
}

/// A password, in clear text or hashed with MD5 (54.7, PasswordMessage). `Debug` does not show it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PasswordMessage<'a> {
    /// The password.
    pub password: &'a CStr,
}

impl<'a> Wire<'a> for PasswordMessage<'a> {
    const NAME: &'static str = "PasswordMessage";
    const TAG: u8 = tag::AUTHENTICATION_RESPONSE;

    fn read(reader: &mut Reader<'a>) -> Result<Self, Shape> {
        Ok(Self {
            password: reader.string()?,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        write::string(out, self.password);
    }
}

impl fmt::Debug for PasswordMessage<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PasswordMessage(<secret>)")
    }
}

/// The first message of a SASL exchange (54.7, SASLInitialResponse).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SaslInitialResponse<'a> {
    /// The mechanism that the client chose.
    pub mechanism: &'a CStr,
    /// The mechanism's first token, if it starts with the client.
    pub data: Option<Secret<'a>>,
}

impl<'a> Wire<'a> for SaslInitialResponse<'a> {
    const NAME: &'static str = "SASLInitialResponse";
    const TAG: u8 = tag::AUTHENTICATION_RESPONSE;

    fn read(reader: &mut Reader<'a>) -> Result<Self, Shape> {
        Ok(Self {
            mechanism: reader.string()?,
            data: reader.nullable()?.map(Secret::new),
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        write::string(out, self.mechanism);
        write::nullable(out, self.data.map(Secret::expose));
    }
}
