//! The listener filter `tls_request`: answers SSLRequest and GSSENCRequest in front of TLS, when nothing can be
//! confused yet with what belongs to a session.
//!
//! Only the eight bytes of a request are ever looked at, and they stay in the socket unless they are one. A client
//! that was promised TLS and goes on in plain text meets the TLS of its filter chain, which refuses it.

use std::cell::Cell;

use howdah_session::{Answer, Greeting};

use crate::abi::{Buffer, Level, Listener, ListenerConfig, Pointer, Status, callbacks};
use crate::config::{self, Tls, TlsRequest};
use crate::guard::guard;

/// The configuration of a listener.
struct Config {
    offer: bool,
    accepted: usize,
    refused: usize,
}

impl Config {
    fn new(envoy: ListenerConfig, name: &[u8], json: &[u8]) -> Result<Self, String> {
        let TlsRequest { tls } = config::parse("tls_request", name, json)?;
        let counter = |name: &str| {
            envoy
                .counter(name)
                .ok_or_else(|| format!("Envoy refuses the counter {name}"))
        };
        Ok(Self {
            offer: tls == Tls::Offer,
            accepted: counter("pg.encryption_requests.answer.yes")?,
            refused: counter("pg.encryption_requests.answer.no")?,
        })
    }
}

/// A client's socket.
struct Socket<'a> {
    config: &'a Config,
    greeting: Cell<Greeting>,
}

impl Socket<'_> {
    fn look(&self, envoy: &mut Listener) -> Status {
        let mut greeting = self.greeting.get();
        let answer = greeting.look(envoy.peeked(), self.config.offer);
        self.greeting.set(greeting);
        match answer {
            Answer::More => Status::Stop,
            Answer::Leave => Status::Continue,
            Answer::Tls => {
                envoy.count(self.config.accepted);
                if !(envoy.drain(Greeting::SIZE) && envoy.answer(b'S')) {
                    return give_up(envoy);
                }
                envoy.expect_tls();
                Status::Continue
            }
            Answer::No => {
                // A client with GSSAPI asks for that first, and for TLS after this answer.
                envoy.count(self.config.refused);
                if !(envoy.drain(Greeting::SIZE) && envoy.answer(b'N')) {
                    return give_up(envoy);
                }
                Status::Stop
            }
        }
    }
}

fn give_up(envoy: &mut Listener) -> Status {
    envoy.close("howdah_encryption_request_not_answered");
    Status::Stop
}

/// Envoy reads the configuration of a listener.
///
/// # Safety
/// Envoy calls it, with pointers as its interface says.
#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_listener_filter_config_new(
    envoy: Pointer,
    name: Buffer,
    json: Buffer,
) -> Pointer {
    let make = || {
        let callbacks = match callbacks() {
            Ok(callbacks) => callbacks,
            Err(sentence) => return crate::control::refuse(sentence),
        };
        // SAFETY: the pointer and the texts are those of this hook, which is running.
        let (envoy, name, json) = unsafe {
            (
                ListenerConfig::new(callbacks, envoy),
                name.bytes(),
                json.bytes(),
            )
        };
        match Config::new(envoy, name, json) {
            Ok(config) => Box::into_raw(Box::new(config)).cast(),
            Err(sentence) => {
                callbacks.log(Level::Error, || sentence);
                std::ptr::null_mut()
            }
        }
    };
    guard(make, std::ptr::null_mut)
}

/// Envoy is done with the configuration of a listener.
///
/// # Safety
/// Envoy calls it, once, with what `config_new` returned.
#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_listener_filter_config_destroy(config: Pointer) {
    if !config.is_null() {
        // SAFETY: `config_new` made it with `Box::into_raw`, and no socket of it is left.
        let config = unsafe { Box::from_raw(config.cast::<Config>()) };
        guard(|| drop(config), || ());
    }
}

/// A client has connected.
///
/// # Safety
/// Envoy calls it, with what `config_new` returned; the configuration outlives the socket.
#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_listener_filter_new(
    config: Pointer,
    _envoy: Pointer,
) -> Pointer {
    // SAFETY: `config_new` made it, nobody changes it, and Envoy keeps it for as long as sockets need it.
    let Some(config) = (unsafe { config.cast::<Config>().as_ref() }) else {
        return std::ptr::null_mut();
    };
    let socket = || {
        let greeting = Cell::default();
        Box::into_raw(Box::new(Socket { config, greeting })).cast()
    };
    guard(socket, std::ptr::null_mut)
}

/// The client's socket can be read from now on.
#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_listener_filter_on_accept(
    _envoy: Pointer,
    _socket: Pointer,
) -> Status {
    Status::Stop
}

/// The client has sent something.
///
/// # Safety
/// Envoy calls it, with a live filter and what `new` returned.
#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_listener_filter_on_data(
    envoy: Pointer,
    socket: Pointer,
    _length: usize,
) -> Status {
    let Ok(callbacks) = callbacks() else {
        return Status::Stop;
    };
    // SAFETY: the pointer is that of this hook, which is running.
    let listener = || unsafe { Listener::new(callbacks, envoy) };
    // SAFETY: `new` made it, and only this thread has it.
    let Some(socket) = (unsafe { socket.cast::<Socket<'_>>().as_ref() }) else {
        return give_up(&mut listener());
    };
    guard(|| socket.look(&mut listener()), || give_up(&mut listener()))
}

/// The most bytes that are looked at.
#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_listener_filter_get_max_read_bytes(
    _envoy: Pointer,
    _socket: Pointer,
) -> usize {
    Greeting::SIZE
}

/// The socket is closed; `destroy` follows.
#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_listener_filter_on_close(_envoy: Pointer, _socket: Pointer) {}

/// The socket is gone, or has been handed to its filter chain.
///
/// # Safety
/// Envoy calls it, once, with what `new` returned.
#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_listener_filter_destroy(socket: Pointer) {
    if !socket.is_null() {
        // SAFETY: `new` made it with `Box::into_raw`, and Envoy does not use it again.
        let socket = unsafe { Box::from_raw(socket.cast::<Socket<'_>>()) };
        guard(|| drop(socket), || ());
    }
}

/// Nothing is scheduled for sockets.
#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_listener_filter_scheduled(
    _envoy: Pointer,
    _socket: Pointer,
    _event: u64,
) {
}

/// Nothing is scheduled for listeners.
#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_listener_filter_config_scheduled(
    _envoy: Pointer,
    _config: Pointer,
    _event: u64,
) {
}

/// Nothing is called over HTTP.
#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_listener_filter_http_callout_done(
    _envoy: Pointer,
    _socket: Pointer,
    _id: u64,
    _result: u32,
    _headers: Pointer,
    _headers_count: usize,
    _body: Pointer,
    _body_count: usize,
) {
}
