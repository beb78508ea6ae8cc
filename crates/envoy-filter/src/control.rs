//! The bootstrap extension `control`: three paths at Envoy's admin address to hold all clients and to let them go.
//!
//! | request | what it does |
//! |---|---|
//! | `POST /howdah/hold?seconds=N` | from now on clients wait at the end of their transaction, for N seconds (1 to 600) at most |
//! | `POST /howdah/resume` | lets them go |
//! | `GET /howdah/status` | as both of the above, says how things are |
//!
//! The answer is JSON: `{"holding":true,"secondsLeft":29.9,"sessions":4,"busy":0,"held":2}`. Once `busy` is 0, no
//! transaction is open. Without the extension in Envoy's configuration nothing can hold clients.

use std::ffi::c_char;
use std::time::{Duration, Instant};

use crate::abi::{self, Buffer, Control, Level, Pointer, callbacks};
use crate::guard::guard;
use crate::network;
use crate::waiting::WAITING;

const HOLD: &str = "/howdah/hold";
const RESUME: &str = "/howdah/resume";
const STATUS: &str = "/howdah/status";

/// The longest that clients can be told to wait, in seconds.
const LONGEST: u64 = 600;

/// Tells Envoy which version of the interface the module is built for.
#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_program_init() -> *const c_char {
    abi::ours()
}

/// Refuses a configuration because Envoy is not the one that the module is built for.
///
/// Nothing of that Envoy may be called, its log included, so the sentence goes to where the log goes by default.
pub(crate) fn refuse(sentence: &str) -> Pointer {
    use std::io::Write as _;
    // Envoy refuses the configuration whether or not anybody reads why.
    let _ = writeln!(std::io::stderr(), "howdah_envoy_filter: {sentence}");
    std::ptr::null_mut()
}

/// What a request is answered with: the status and the body.
fn answer(path: &str) -> (u32, String) {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    match path {
        HOLD => {
            let Some(seconds) = seconds(query) else {
                let body = format!("say how long, from 1 to {LONGEST}: {HOLD}?seconds=30\n");
                return (400, body);
            };
            WAITING.begin(Instant::now() + Duration::from_secs(seconds));
        }
        RESUME => WAITING.end(),
        _ => {}
    }
    let (left, held) = WAITING.status(Instant::now());
    let (sessions, busy) = network::counts();
    let body = serde_json::json!({
        "holding": left.is_some(),
        "secondsLeft": left,
        "sessions": sessions,
        "busy": busy,
        "held": held,
    });
    (200, format!("{body}\n"))
}

fn seconds(query: &str) -> Option<u64> {
    let value = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("seconds="))?;
    let seconds = value.parse().ok()?;
    (1..=LONGEST).contains(&seconds).then_some(seconds)
}

/// Envoy reads the configuration of the extension.
///
/// # Safety
/// Envoy calls it, with pointers as its interface says.
#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_bootstrap_extension_config_new(
    envoy: Pointer,
    _name: Buffer,
    _config: Buffer,
) -> Pointer {
    let make = || match callbacks() {
        Ok(callbacks) => {
            // SAFETY: the pointer is that of this hook, which is running.
            unsafe { Control::new(callbacks, envoy) }.ready();
            // The extension's configuration is how requests are answered to, so it is what Envoy keeps for us.
            envoy
        }
        Err(sentence) => refuse(sentence),
    };
    guard(make, std::ptr::null_mut)
}

/// Envoy is done with the configuration, of which nothing is ours.
#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_bootstrap_extension_config_destroy(_config: Pointer) {}

/// Envoy makes the extension.
#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_bootstrap_extension_new(
    config: Pointer,
    _envoy: Pointer,
) -> Pointer {
    config
}

/// Envoy is done with the extension.
#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_bootstrap_extension_destroy(_extension: Pointer) {}

/// Envoy has started so far that it can answer at its admin address.
///
/// # Safety
/// Envoy calls it, with what `new` returned: the configuration of the extension, which outlives it.
#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_bootstrap_extension_server_initialized(
    _envoy: Pointer,
    extension: Pointer,
) {
    let register = || {
        let Ok(callbacks) = callbacks() else { return };
        // SAFETY: it is what Envoy gave `config_new`, and lives as long as the extension.
        let control = unsafe { Control::new(callbacks, extension) };
        let paths = [
            (
                HOLD,
                "keep Postgres clients waiting between transactions",
                true,
            ),
            (RESUME, "let Postgres clients go", true),
            (STATUS, "how many Postgres clients wait", false),
        ];
        for (path, help, changes) in paths {
            if !control.serve(path, help, changes) {
                callbacks.log(Level::Error, || {
                    format!("Envoy refuses the admin path {path}")
                });
            }
        }
    };
    guard(register, || ());
}

/// A request for one of our paths.
///
/// # Safety
/// Envoy calls it, with a live configuration and texts that live as long as the call.
#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_bootstrap_extension_admin_request(
    envoy: Pointer,
    _config: Pointer,
    _method: Buffer,
    path: Buffer,
    _body: Buffer,
) -> u32 {
    let serve = || {
        let Ok(callbacks) = callbacks() else {
            return 500;
        };
        // SAFETY: the text and the pointer are those of this hook, which is running.
        let (path, control) = unsafe { (path.bytes(), Control::new(callbacks, envoy)) };
        let path = String::from_utf8_lossy(path);
        let (status, body) = answer(&path);
        callbacks.log(Level::Info, || format!("{path}: {}", body.trim_end()));
        control.respond(&body);
        status
    };
    guard(serve, || 500)
}

/// Envoy ends. Clients that are held go down with their connections.
///
/// # Safety
/// Envoy calls it, with a function and what that takes.
#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_bootstrap_extension_shutdown(
    _envoy: Pointer,
    _extension: Pointer,
    done: Option<unsafe extern "C" fn(Pointer)>,
    context: Pointer,
) {
    if let Some(done) = done {
        // SAFETY: the interface has the function called once with this context.
        unsafe { done(context) }
    }
}

/// Defines hooks that Envoy wants to find and of which nothing is needed.
macro_rules! unused {
    ($($(#[$doc:meta])+ $name:ident($($argument:ident: $type:ty),*);)+) => {
        $($(#[$doc])+
        #[unsafe(no_mangle)]
        extern "C" fn $name($($argument: $type),*) {})+
    };
}

unused! {
    /// A thread for connections has started.
    envoy_dynamic_module_on_bootstrap_extension_worker_thread_initialized(_envoy: Pointer, _extension: Pointer);
    /// Envoy will end.
    envoy_dynamic_module_on_bootstrap_extension_drain_started(_envoy: Pointer, _extension: Pointer);
    /// Nothing is scheduled.
    envoy_dynamic_module_on_bootstrap_extension_config_scheduled(_envoy: Pointer, _config: Pointer, _event: u64);
    /// There are no timers.
    envoy_dynamic_module_on_bootstrap_extension_timer_fired(_envoy: Pointer, _config: Pointer, _timer: Pointer);
    /// No files are watched.
    envoy_dynamic_module_on_bootstrap_extension_file_changed(_envoy: Pointer, _config: Pointer, _path: Buffer, _events: u32);
    /// Clusters are none of our business.
    envoy_dynamic_module_on_bootstrap_extension_cluster_add_or_update(_envoy: Pointer, _config: Pointer, _name: Buffer);
    /// Clusters are none of our business.
    envoy_dynamic_module_on_bootstrap_extension_cluster_removal(_envoy: Pointer, _config: Pointer, _name: Buffer);
    /// Listeners are none of our business.
    envoy_dynamic_module_on_bootstrap_extension_listener_add_or_update(_envoy: Pointer, _config: Pointer, _name: Buffer);
    /// Listeners are none of our business.
    envoy_dynamic_module_on_bootstrap_extension_listener_removal(_envoy: Pointer, _config: Pointer, _name: Buffer);
    /// Nothing is called over HTTP.
    envoy_dynamic_module_on_bootstrap_extension_http_callout_done(_envoy: Pointer, _config: Pointer, _id: u64, _result: u32, _headers: Pointer, _headers_count: usize, _body: Pointer, _body_count: usize);
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn clients_are_held_only_for_a_time_that_is_said_and_bounded() {
        for query in [
            "",
            "seconds=",
            "seconds=0",
            "seconds=601",
            "seconds=-1",
            "second=5",
        ] {
            assert_eq!(seconds(query), None, "{query}");
        }
        assert_eq!(seconds("seconds=1"), Some(1));
        assert_eq!(seconds("a=b&seconds=600"), Some(LONGEST));
        assert_eq!(answer(HOLD).0, 400);
    }

    #[test]
    fn the_answer_says_how_things_are() {
        let held: serde_json::Value = {
            let (status, body) = answer("/howdah/hold?seconds=600");
            assert_eq!(status, 200);
            serde_json::from_str(&body).unwrap()
        };
        assert_eq!(held["holding"], true);
        assert!(held["secondsLeft"].as_f64().unwrap() > 500.0);
        let (_, body) = answer(RESUME);
        let expected = r#"{"busy":0,"held":0,"holding":false,"secondsLeft":null,"sessions":0}"#;
        assert_eq!(body.trim_end(), expected);
    }
}
