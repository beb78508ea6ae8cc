//! Every message of a client is read as it was written.

use howdah_pgwire::format::{Format, Value};
use howdah_pgwire::frontend::{
    AuthenticationResponse, Bind, Close, CopyFail, Describe, Execute, FunctionCall, Message, Parse,
    PasswordMessage, Query, SaslInitialResponse, Target,
};
use howdah_pgwire::{Body, CopyData, Header, List, Secret};
use proptest::prelude::*;

use super::checks::frontend as check;
use super::values::{bytes, formats, oids, string, values};

fn values_in<'a>(scratch: &'a mut Vec<u8>, values: &[Option<Vec<u8>>]) -> List<'a, Value<'a>> {
    List::build(scratch, values.iter().map(|value| Value(value.as_deref()))).unwrap()
}

fn bind() -> impl Strategy<Value = Vec<u8>> {
    (string(), string(), formats(), values(), formats()).prop_map(
        |(portal, statement, parameter_formats, parameters, result_formats)| {
            let (mut a, mut b, mut c) = (Vec::new(), Vec::new(), Vec::new());
            let bind = Bind {
                portal: &portal,
                statement: &statement,
                parameter_formats: List::build(&mut a, parameter_formats.clone()).unwrap(),
                parameters: values_in(&mut b, &parameters),
                result_formats: List::build(&mut c, result_formats).unwrap(),
            };
            let read: Vec<_> = bind.parameters.iter().collect();
            let given: Vec<_> = parameters
                .iter()
                .map(|value| Value(value.as_deref()))
                .collect();
            assert_eq!(read, given);
            assert_eq!(
                bind.parameter_formats.iter().collect::<Vec<_>>(),
                parameter_formats
            );
            check(bind.into())
        },
    )
}

fn function_call() -> impl Strategy<Value = Vec<u8>> {
    (any::<u32>(), formats(), values(), any::<i16>()).prop_map(
        |(function, argument_formats, arguments, result_format)| {
            let (mut a, mut b) = (Vec::new(), Vec::new());
            let call = FunctionCall {
                function,
                argument_formats: List::build(&mut a, argument_formats).unwrap(),
                arguments: values_in(&mut b, &arguments),
                result_format: Format(result_format),
            };
            check(call.into())
        },
    )
}

fn parse() -> impl Strategy<Value = Vec<u8>> {
    (string(), string(), oids()).prop_map(|(statement, query, types)| {
        let mut scratch = Vec::new();
        let parse = Parse {
            statement: &statement,
            query: &query,
            parameter_types: List::build(&mut scratch, types.clone()).unwrap(),
        };
        assert_eq!(parse.parameter_types.iter().collect::<Vec<_>>(), types);
        check(parse.into())
    })
}

fn target() -> impl Strategy<Value = Vec<u8>> {
    (any::<bool>(), any::<bool>(), string()).prop_map(|(close, statement, name)| {
        let target = if statement {
            Target::Statement(&name)
        } else {
            Target::Portal(&name)
        };
        check(if close {
            Close { target }.into()
        } else {
            Describe { target }.into()
        })
    })
}

fn simple() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        string().prop_map(|query| check(Query { query: &query }.into())),
        string().prop_map(|reason| check(CopyFail { reason: &reason }.into())),
        bytes().prop_map(|data| check(CopyData { data: &data }.into())),
        bytes().prop_map(|data| {
            let data = Secret::new(&data);
            check(AuthenticationResponse { data }.into())
        }),
        (string(), any::<i32>()).prop_map(|(portal, max_rows)| {
            let portal = &portal;
            check(Execute { portal, max_rows }.into())
        }),
        prop::sample::select(vec![
            Message::CopyDone,
            Message::Flush,
            Message::Sync,
            Message::Terminate
        ])
        .prop_map(check),
    ]
}

/// The bytes of any message, which has been checked to be read as it was written.
pub(crate) fn message() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![bind(), function_call(), parse(), target(), simple()]
}

proptest! {
    #[test]
    fn every_message_is_read_as_it_was_written(_checked in message()) {}

    #[test]
    fn passwords_and_tokens_are_read_as_they_were_written(
        password in string(),
        mechanism in string(),
        token in prop::option::of(bytes()),
    ) {
        let password = PasswordMessage { password: &password };
        let initial = SaslInitialResponse {
            mechanism: &mechanism,
            data: token.as_deref().map(Secret::new),
        };
        let mut out = Vec::new();
        password.encode(&mut out).unwrap();
        let Message::AuthenticationResponse(read) = Message::decode(b'p', &out[Header::SIZE..]).unwrap() else {
            panic!("another message");
        };
        prop_assert_eq!(read.password(), Ok(password));
        out.clear();
        initial.encode(&mut out).unwrap();
        let Message::AuthenticationResponse(read) = Message::decode(b'p', &out[Header::SIZE..]).unwrap() else {
            panic!("another message");
        };
        prop_assert_eq!(read.sasl_initial(), Ok(initial));
    }
}
