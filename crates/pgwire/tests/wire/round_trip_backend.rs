//! Every message of a server is read as it was written.

use std::ffi::CStr;

use howdah_pgwire::backend::{
    Authentication, BackendKeyData, Column, CommandComplete, CopyBothResponse, CopyFormats,
    CopyInResponse, CopyOutResponse, DataRow, ErrorResponse, Field, FunctionCallResponse, Message,
    NegotiateProtocolVersion, NoticeResponse, NotificationResponse, ParameterDescription,
    ParameterStatus, ReadyForQuery, Report, RowDescription, TransactionStatus, field,
};
use howdah_pgwire::format::{Format, Value};
use howdah_pgwire::{CopyData, List, ProtocolVersion, Secret, SecretKey};
use proptest::collection::vec;
use proptest::prelude::*;

use super::checks::backend as check;
use super::values::{bytes, formats, key, name, oids, sqlstate, string, values};

fn authentication() -> impl Strategy<Value = Vec<u8>> {
    let bare = prop::sample::select(vec![
        Authentication::Ok,
        Authentication::KerberosV5,
        Authentication::CleartextPassword,
        Authentication::Gss,
        Authentication::Sspi,
    ]);
    prop_oneof![
        bare.prop_map(|message| check(message.into())),
        any::<[u8; 4]>().prop_map(|salt| check(Authentication::Md5Password { salt }.into())),
        (0..3, bytes()).prop_map(|(kind, data)| {
            let data = Secret::new(&data);
            check(Message::Authentication(match kind {
                0 => Authentication::GssContinue { data },
                1 => Authentication::SaslContinue { data },
                _ => Authentication::SaslFinal { data },
            }))
        }),
        vec(name(), 0..4).prop_map(|names| {
            let mut scratch = Vec::new();
            let names = names.iter().map(|name| name.as_c_str());
            let mechanisms: List<'_, &CStr> = List::build(&mut scratch, names.clone()).unwrap();
            assert!(mechanisms.iter().eq(names));
            check(Authentication::Sasl { mechanisms }.into())
        }),
    ]
}

fn report() -> impl Strategy<Value = Vec<u8>> {
    let fields = vec((1..=u8::MAX, string()), 0..8);
    (any::<bool>(), fields).prop_map(|(error, fields)| {
        let mut scratch = Vec::new();
        let given = fields
            .iter()
            .map(|(code, value)| Field { code: *code, value });
        let fields = List::build(&mut scratch, given.clone()).unwrap();
        let report = Report { fields };
        assert!(report.fields.iter().eq(given));
        check(if error {
            ErrorResponse { report }.into()
        } else {
            NoticeResponse { report }.into()
        })
    })
}

fn row_description() -> impl Strategy<Value = Vec<u8>> {
    let column = (string(), any::<(u32, i16, u32, i16, i32, i16)>());
    vec(column, 0..6).prop_map(|columns| {
        let mut scratch = Vec::new();
        let given = columns.iter().map(|(name, numbers)| {
            let (table, attribute, data_type, type_size, type_modifier, format) = *numbers;
            Column {
                name,
                table,
                attribute,
                data_type,
                type_size,
                type_modifier,
                format: Format(format),
            }
        });
        let columns = List::build(&mut scratch, given.clone()).unwrap();
        let message = RowDescription { columns };
        assert!(message.columns.iter().eq(given));
        check(message.into())
    })
}

fn copy_response() -> impl Strategy<Value = Vec<u8>> {
    (0..3, any::<i8>(), formats()).prop_map(|(kind, overall, columns)| {
        let mut scratch = Vec::new();
        let columns = List::build(&mut scratch, columns).unwrap();
        let formats = CopyFormats { overall, columns };
        check(match kind {
            0 => CopyInResponse { formats }.into(),
            1 => CopyOutResponse { formats }.into(),
            _ => CopyBothResponse { formats }.into(),
        })
    })
}

fn data() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        values().prop_map(|values| {
            let mut scratch = Vec::new();
            let given = values.iter().map(|value| Value(value.as_deref()));
            let values = List::build(&mut scratch, given.clone()).unwrap();
            let row = DataRow { values };
            assert!(row.values.iter().eq(given));
            check(row.into())
        }),
        prop::option::of(bytes()).prop_map(|value| {
            let value = Value(value.as_deref());
            check(FunctionCallResponse { value }.into())
        }),
        bytes().prop_map(|data| check(CopyData { data: &data }.into())),
        oids().prop_map(|types| {
            let mut scratch = Vec::new();
            let types = List::build(&mut scratch, types).unwrap();
            check(ParameterDescription { types }.into())
        }),
    ]
}

fn session() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        (any::<u32>(), key()).prop_map(|(process_id, key)| {
            let key = SecretKey::new(&key).unwrap();
            check(BackendKeyData { process_id, key }.into())
        }),
        (any::<(u16, u16)>(), vec(name(), 0..4)).prop_map(|((major, minor), names)| {
            let mut scratch = Vec::new();
            let names = names.iter().map(|name| name.as_c_str());
            let message = NegotiateProtocolVersion {
                newest: ProtocolVersion::new(major, minor),
                unrecognized: List::build(&mut scratch, names.clone()).unwrap(),
            };
            assert!(message.unrecognized.iter().eq(names));
            check(message.into())
        }),
        (any::<u32>(), string(), string()).prop_map(|(process_id, channel, payload)| {
            let (channel, payload) = (&*channel, &*payload);
            check(
                NotificationResponse {
                    process_id,
                    channel,
                    payload,
                }
                .into(),
            )
        }),
        (string(), string()).prop_map(|(name, value)| {
            let (name, value) = (&*name, &*value);
            check(ParameterStatus { name, value }.into())
        }),
    ]
}

fn progress() -> impl Strategy<Value = Vec<u8>> {
    let bare = vec![
        Message::BindComplete,
        Message::CloseComplete,
        Message::CopyDone,
        Message::EmptyQueryResponse,
        Message::NoData,
        Message::ParseComplete,
        Message::PortalSuspended,
    ];
    let statuses = vec![
        TransactionStatus::Idle,
        TransactionStatus::InTransaction,
        TransactionStatus::Failed,
    ];
    prop_oneof![
        prop::sample::select(bare).prop_map(check),
        prop::sample::select(statuses).prop_map(|status| check(ReadyForQuery { status }.into())),
        string().prop_map(|tag| check(CommandComplete { tag: &tag }.into())),
    ]
}

/// The bytes of any message, which has been checked to be read as it was written.
pub(crate) fn message() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        authentication(),
        report(),
        row_description(),
        copy_response(),
        data(),
        session(),
        progress(),
    ]
}

proptest! {
    #[test]
    fn every_message_is_read_as_it_was_written(_checked in message()) {}

    #[test]
    fn a_report_of_our_own_says_what_it_was_told(code in sqlstate(), message in "[^\0]{0,40}") {
        let mut scratch = Vec::new();
        let report = Report::build(&mut scratch, "FATAL", code, &message).unwrap();
        prop_assert_eq!(report.severity(), Some(c"FATAL"));
        prop_assert_eq!(report.get(field::SEVERITY_TRANSLATED), Some(c"FATAL"));
        prop_assert_eq!(report.sqlstate(), Some(code));
        prop_assert_eq!(report.message().map(CStr::to_bytes), Some(message.as_bytes()));
        check(ErrorResponse { report }.into());
    }
}

#[test]
fn a_zero_byte_cuts_a_reports_text_off() {
    let mut scratch = Vec::new();
    let code = howdah_pgwire::SqlState::ADMIN_SHUTDOWN;
    let report = Report::build(&mut scratch, "FATAL", code, "one\0two").unwrap();
    assert_eq!(report.message(), Some(c"one"));
}

#[test]
fn a_code_that_is_none_is_no_sqlstate() {
    let mut scratch = Vec::new();
    let field = Field {
        code: field::CODE,
        value: c"57p01",
    };
    let report = Report {
        fields: List::build(&mut scratch, [field]).unwrap(),
    };
    assert_eq!(report.sqlstate(), None);
    assert_eq!(report.severity(), None);
}
