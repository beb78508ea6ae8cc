//! The network filter `postgres`: the hooks by which Envoy tells of a connection, and the connection that answers them.

mod config;
mod connection;
mod metrics;
mod standing;

use std::sync::Arc;

use self::config::Config;
use self::connection::Connection;
use crate::abi::{Buffer, Close, Level, Network, NetworkConfig, Pointer, Status, callbacks};
use crate::guard::guard;
use crate::waiting::Call;

pub(crate) use standing::counts;

/// Envoy reads the configuration of a filter chain.
///
/// # Safety
/// Envoy calls it, with pointers as its interface says.
#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_network_filter_config_new(
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
                NetworkConfig::new(callbacks, envoy),
                name.bytes(),
                json.bytes(),
            )
        };
        match Config::new(envoy, name, json) {
            Ok(config) => Arc::into_raw(Arc::new(config)).cast_mut().cast(),
            Err(sentence) => {
                callbacks.log(Level::Error, || sentence);
                std::ptr::null_mut()
            }
        }
    };
    guard(make, std::ptr::null_mut)
}

/// Envoy is done with the configuration; connections that still need it have their share of it.
///
/// # Safety
/// Envoy calls it, once, with what `config_new` returned.
#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_network_filter_config_destroy(config: Pointer) {
    if !config.is_null() {
        // SAFETY: `config_new` made it with `Arc::into_raw`, and this gives back that one share.
        let config = unsafe { Arc::from_raw(config.cast::<Config>().cast_const()) };
        guard(|| drop(config), || ());
    }
}

/// A client's connection gets its filters.
///
/// # Safety
/// Envoy calls it, with what `config_new` returned and has not been destroyed.
#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_network_filter_new(
    config: Pointer,
    _envoy: Pointer,
) -> Pointer {
    if config.is_null() {
        return std::ptr::null_mut();
    }
    let config = config.cast::<Config>().cast_const();
    // SAFETY: `config_new` made it with `Arc::into_raw`, and Envoy still holds that share; this one is our own.
    let config = unsafe {
        Arc::increment_strong_count(config);
        Arc::from_raw(config)
    };
    let make = || Box::into_raw(Box::new(Connection::new(config))).cast();
    guard(make, std::ptr::null_mut)
}

/// Runs one hook of a connection. If that panics, the connection is closed and counted.
///
/// # Safety
/// The pointers are those of a hook that is running, the second is what `new` returned, and only this thread has it.
unsafe fn hook(
    envoy: Pointer,
    connection: Pointer,
    body: impl FnOnce(&Connection, Network) -> Status,
) -> Status {
    let Ok(callbacks) = callbacks() else {
        return Status::Stop;
    };
    // SAFETY: the caller promises it.
    let network = unsafe { Network::new(callbacks, envoy) };
    // SAFETY: the caller promises it; hooks of a connection may run inside each other, so it is only ever shared.
    let Some(connection) = (unsafe { connection.cast::<Connection>().as_ref() }) else {
        network.close(Close::Now, "howdah_no_connection");
        return Status::Stop;
    };
    guard(
        || body(connection, network),
        || {
            connection.give_up(network);
            Status::Stop
        },
    )
}

/// The connection is there; nothing has been read from it.
///
/// # Safety
/// Envoy calls it, with a live filter and what `new` returned.
#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_network_filter_new_connection(
    envoy: Pointer,
    connection: Pointer,
) -> Status {
    // SAFETY: the pointers are those of this hook.
    unsafe { hook(envoy, connection, Connection::opened) }
}

/// The client has sent something.
///
/// # Safety
/// Envoy calls it, with a live filter and what `new` returned.
#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_network_filter_read(
    envoy: Pointer,
    connection: Pointer,
    length: usize,
    end: bool,
) -> Status {
    // SAFETY: the pointers are those of this hook.
    unsafe {
        hook(envoy, connection, |connection, envoy| {
            connection.read(envoy, length, end)
        })
    }
}

/// The server has sent something.
///
/// # Safety
/// Envoy calls it, with a live filter and what `new` returned.
#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_network_filter_write(
    envoy: Pointer,
    connection: Pointer,
    length: usize,
    _end: bool,
) -> Status {
    // SAFETY: the pointers are those of this hook.
    unsafe {
        hook(envoy, connection, |connection, envoy| {
            connection.written(envoy, length)
        })
    }
}

/// Something happened to the connection.
///
/// # Safety
/// Envoy calls it, with a live filter and what `new` returned.
#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_network_filter_event(
    envoy: Pointer,
    connection: Pointer,
    event: u32,
) {
    // The first two are the ends of a connection, by either side.
    if event < 2 {
        // SAFETY: the pointers are those of this hook.
        unsafe { hook(envoy, connection, Connection::closed) };
    }
}

/// Another thread wanted this connection called.
///
/// # Safety
/// Envoy calls it, with a live filter and what `new` returned.
#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_network_filter_scheduled(
    envoy: Pointer,
    connection: Pointer,
    event: u64,
) {
    // SAFETY: the pointers are those of this hook.
    unsafe {
        hook(envoy, connection, |connection, envoy| {
            match Call::of(event) {
                Some(Call::Resume) => connection.resume(envoy),
                Some(Call::Expired) => connection.expire(envoy),
                None => {}
            }
            Status::Continue
        })
    };
}

/// The connection is gone.
///
/// # Safety
/// Envoy calls it, once, with what `new` returned, when no hook of the connection runs.
#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_network_filter_destroy(connection: Pointer) {
    if !connection.is_null() {
        // SAFETY: `new` made it with `Box::into_raw`, and Envoy does not use it again.
        let connection = unsafe { Box::from_raw(connection.cast::<Connection>()) };
        guard(|| drop(connection), || ());
    }
}
