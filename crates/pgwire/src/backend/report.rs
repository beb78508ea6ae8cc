//! ErrorResponse and NoticeResponse.

use std::ffi::{CStr, CString};

use super::{Field, field, tag};
use crate::message::Wire;
use crate::read::Reader;
use crate::{Error, List, Shape, SqlState};

/// What an error or a notice says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report<'a> {
    /// Each says one thing.
    pub fields: List<'a, Field<'a>>,
}

impl<'a> Report<'a> {
    /// The field with this code, one of [`field`].
    #[must_use]
    pub fn get(&self, code: u8) -> Option<&'a CStr> {
        let mut fields = self.fields.iter();
        fields
            .find(|field| field.code == code)
            .map(|field| field.value)
    }

    /// The severity in English, or translated if the server predates 9.6.
    #[must_use]
    pub fn severity(&self) -> Option<&'a CStr> {
        self.get(field::SEVERITY)
            .or_else(|| self.get(field::SEVERITY_TRANSLATED))
    }

    /// What kind of error it is.
    #[must_use]
    pub fn sqlstate(&self) -> Option<SqlState> {
        SqlState::from_bytes(self.get(field::CODE)?.to_bytes()).ok()
    }

    /// The text for people.
    #[must_use]
    pub fn message(&self) -> Option<&'a CStr> {
        self.get(field::MESSAGE)
    }

    /// A report of our own with the fields that every report must have. A zero byte cuts a text off.
    ///
    /// # Errors
    /// If the texts are larger than a message can be.
    pub fn build(
        scratch: &'a mut Vec<u8>,
        severity: &str,
        code: SqlState,
        message: &str,
    ) -> Result<Self, Error> {
        let [severity, code, message] = [severity, code.as_str(), message].map(text);
        let fields = [
            (field::SEVERITY_TRANSLATED, &severity),
            (field::SEVERITY, &severity),
            (field::CODE, &code),
            (field::MESSAGE, &message),
        ];
        let fields = fields.map(|(code, value)| Field { code, value });
        List::build(scratch, fields).map(|fields| Self { fields })
    }

    /// The limit of the message bounds the number of fields.
    fn read(reader: &mut Reader<'a>) -> Result<Self, Shape> {
        let fields = List::terminated(reader, usize::MAX)?;
        Ok(Self {
            fields: fields.unwrap_or_default(),
        })
    }
}

fn text(text: &str) -> CString {
    let before_zero = text.split('\0').next().unwrap_or_default();
    CString::new(before_zero).unwrap_or_default()
}

/// Something failed; severities ERROR, FATAL and PANIC (54.7, ErrorResponse).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorResponse<'a> {
    /// What it says.
    pub report: Report<'a>,
}

/// A warning or a piece of information (54.7, NoticeResponse).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoticeResponse<'a> {
    /// What it says.
    pub report: Report<'a>,
}

macro_rules! report {
    ($name:ident, $tag:path) => {
        impl<'a> Wire<'a> for $name<'a> {
            const NAME: &'static str = stringify!($name);
            const TAG: u8 = $tag;

            fn read(reader: &mut Reader<'a>) -> Result<Self, Shape> {
                Report::read(reader).map(|report| Self { report })
            }

            fn write(&self, out: &mut Vec<u8>) {
                self.report.fields.write_terminated(out);
            }
        }
    };
}

report!(ErrorResponse, tag::ERROR_RESPONSE);
report!(NoticeResponse, tag::NOTICE_RESPONSE);
