//! Envoy's objects as the hooks get them, with methods for the callbacks that take them.
//!
//! Making one is unsafe: it says that the pointer is what the hook got, and that the hook is still running. The methods
//! are safe because of that. None of the objects outlives its hook but [`Scheduler`], which is made for that.

use super::{Buffer, Callbacks, Pointer};

/// How much a log line matters, in Envoy's numbers.
#[repr(u32)]
#[derive(Clone, Copy, Debug)]
pub(crate) enum Level {
    Debug = 1,
    Info = 2,
    Warn = 3,
    Error = 4,
}

impl Callbacks {
    /// Writes to Envoy's log, if it wants lines of this level; only then is the text made.
    pub(crate) fn log(&self, level: Level, text: impl FnOnce() -> String) {
        // SAFETY: both take any level and may be called on any thread; the text is copied.
        unsafe {
            if (self.log_enabled)(level as u32) {
                let text = text();
                (self.log)(level as u32, Buffer::lend(text.as_bytes()));
            }
        }
    }
}

/// How a connection ends.
#[repr(u32)]
#[derive(Clone, Copy, Debug)]
pub(crate) enum Close {
    /// After what was written has been sent.
    Flush = 0,
    /// At once.
    Now = 1,
}

/// Defines an object of Envoy: its callbacks and its pointer.
macro_rules! object {
    ($(#[$doc:meta])+ $name:ident) => {
        $(#[$doc])+
        #[derive(Clone, Copy)]
        pub(crate) struct $name {
            callbacks: &'static Callbacks,
            pointer: Pointer,
        }

        impl $name {
            /// Takes the pointer of a hook.
            ///
            /// # Safety
            /// Envoy gave the hook that is running this pointer for an object of this kind, and the result is
            /// not used once the hook has returned.
            pub(crate) const unsafe fn new(
                callbacks: &'static Callbacks,
                pointer: Pointer,
            ) -> Self {
                Self { callbacks, pointer }
            }
        }
    };
}

object! {
    /// The configuration of a network filter, while it is made.
    NetworkConfig
}

impl NetworkConfig {
    /// Defines a counter; `None` if Envoy refuses.
    pub(crate) fn counter(self, name: &str) -> Option<usize> {
        self.define(self.callbacks.network_define_counter, name)
    }

    /// Defines a gauge; `None` if Envoy refuses.
    pub(crate) fn gauge(self, name: &str) -> Option<usize> {
        self.define(self.callbacks.network_define_gauge, name)
    }

    /// Defines a histogram; `None` if Envoy refuses.
    pub(crate) fn histogram(self, name: &str) -> Option<usize> {
        self.define(self.callbacks.network_define_histogram, name)
    }

    fn define(
        self,
        callback: unsafe extern "C" fn(Pointer, Buffer, *mut usize) -> u32,
        name: &str,
    ) -> Option<usize> {
        let mut id = 0;
        // SAFETY: the object is alive by the promise of `new`, the name is copied, and the place for the number
        // outlives the call.
        let result = unsafe { callback(self.pointer, Buffer::lend(name.as_bytes()), &raw mut id) };
        (result == 0).then_some(id)
    }
}

object! {
    /// The configuration of a listener filter, while it is made.
    ListenerConfig
}

impl ListenerConfig {
    /// Defines a counter; `None` if Envoy refuses.
    pub(crate) fn counter(self, name: &str) -> Option<usize> {
        let mut id = 0;
        // SAFETY: as in `NetworkConfig::define`.
        let result = unsafe {
            (self.callbacks.listener_define_counter)(
                self.pointer,
                Buffer::lend(name.as_bytes()),
                &raw mut id,
            )
        };
        (result == 0).then_some(id)
    }
}

object! {
    /// A socket in front of its filter chain.
    Listener
}

impl Listener {
    /// The bytes that the client has sent and nobody has taken yet.
    pub(crate) fn peeked(&self) -> &[u8] {
        let mut chunk = Buffer::EMPTY;
        // SAFETY: the object is alive, and the place for the answer outlives the call.
        let there = unsafe { (self.callbacks.listener_chunk)(self.pointer, &raw mut chunk) };
        if !there {
            return &[];
        }
        // SAFETY: it has just come from Envoy. `drain` changes what it points to, but takes `&mut self`,
        // which this borrow rules out.
        unsafe { chunk.bytes() }
    }

    /// Takes bytes from the front of what [`Self::peeked`] shows.
    pub(crate) fn drain(&mut self, count: usize) -> bool {
        // SAFETY: the object is alive; nothing of its buffer is borrowed.
        unsafe { (self.callbacks.listener_drain)(self.pointer, count) }
    }

    /// Sends one byte to the client; `false` if it could not be sent.
    pub(crate) fn answer(&mut self, byte: u8) -> bool {
        // SAFETY: the object is alive, and the byte outlives the call.
        let sent = unsafe { (self.callbacks.listener_write)(self.pointer, Buffer::lend(&[byte])) };
        sent == 1
    }

    /// Has a filter chain for TLS chosen.
    pub(crate) fn expect_tls(&mut self) {
        // SAFETY: the object is alive, and the text is copied.
        unsafe { (self.callbacks.listener_detected)(self.pointer, Buffer::lend(b"tls")) }
    }

    /// Ends the connection.
    pub(crate) fn close(&mut self, why: &str) {
        // SAFETY: the object is alive, and the text is copied.
        unsafe { (self.callbacks.listener_close)(self.pointer, Buffer::lend(why.as_bytes())) }
    }

    /// Adds one to a counter that [`ListenerConfig::counter`] defined.
    pub(crate) fn count(&self, counter: usize) {
        // SAFETY: the object is alive; an unknown number is refused by Envoy.
        unsafe { (self.callbacks.listener_increment_counter)(self.pointer, counter, 1) };
    }
}

object! {
    /// A connection in its filter chain.
    Network
}

/// Calls a function with each piece of a buffer.
macro_rules! pieces {
    ($(#[$doc:meta])+ $name:ident, $count:ident, $chunks:ident) => {
        $(#[$doc])+
        /// The pieces must not be kept, nor anything done to the connection, before the call returns.
        pub(crate) fn $name(self, mut each: impl FnMut(&[u8])) {
            const INLINE: usize = 8;
            let mut inline = [Buffer::EMPTY; INLINE];
            let mut longer = Vec::new();
            // SAFETY: the object is alive.
            let count = unsafe { (self.callbacks.$count)(self.pointer) };
            let places = match inline.get_mut(..count) {
                Some(places) => places,
                None => {
                    longer.resize(count, Buffer::EMPTY);
                    longer.as_mut_slice()
                }
            };
            // SAFETY: the object is alive, and there are as many places as it has just asked for.
            let there = unsafe { (self.callbacks.$chunks)(self.pointer, places.as_mut_ptr()) };
            if there {
                for place in places {
                    // SAFETY: it has just come from Envoy, and `each` gets it for the call alone, in which it
                    // does nothing to the connection.
                    each(unsafe { place.bytes() });
                }
            }
        }
    };
}

impl Network {
    pieces! {
        /// What the client has sent, and the filters behind have not taken yet.
        read_pieces, network_read_chunks_count, network_read_chunks
    }

    pieces! {
        /// What is being sent to the client.
        write_pieces, network_write_chunks_count, network_write_chunks
    }

    /// Writes to Envoy's log.
    pub(crate) fn log(self, level: Level, text: impl FnOnce() -> String) {
        self.callbacks.log(level, text);
    }

    /// Whether the client's side is encrypted.
    pub(crate) fn is_tls(self) -> bool {
        // SAFETY: the object is alive.
        unsafe { (self.callbacks.network_is_tls)(self.pointer) }
    }

    /// Takes bytes from the front of what [`Self::read_pieces`] shows; `false` if they are not there.
    pub(crate) fn drain(self, count: usize) -> bool {
        // SAFETY: the object is alive, and pieces of its buffer are only ever lent within `read_pieces`.
        unsafe { (self.callbacks.network_drain_read)(self.pointer, count) }
    }

    /// Puts bytes in the place of the `length` that [`Self::write_pieces`] shows; `false` if Envoy does not take them.
    pub(crate) fn replace_written(self, length: usize, bytes: &[u8]) -> bool {
        // SAFETY: the object is alive, pieces of its buffer are only ever lent within `write_pieces`, and the
        // bytes are copied.
        unsafe {
            (self.callbacks.network_drain_write)(self.pointer, length)
                && (self.callbacks.network_append_write)(self.pointer, Buffer::lend(bytes))
        }
    }

    /// Whether what the client sends is read at all.
    pub(crate) fn reads(self) -> bool {
        // SAFETY: the object is alive.
        unsafe { (self.callbacks.network_read_enabled)(self.pointer) }
    }

    /// Sends bytes to the client that did not come from the server; our own write hook is not called for them.
    pub(crate) fn answer(self, bytes: &[u8]) {
        // SAFETY: the object is alive, and the bytes are copied.
        unsafe { (self.callbacks.network_inject_write)(self.pointer, Buffer::lend(bytes), false) }
    }

    /// Hands all that was kept back to the filters behind. Other hooks may run before it returns.
    pub(crate) fn go_on(self) {
        // SAFETY: the object is alive.
        unsafe { (self.callbacks.network_continue)(self.pointer) }
    }

    /// Ends the connection. Other hooks may run before it returns.
    pub(crate) fn close(self, how: Close, why: &str) {
        let why = Buffer::lend(why.as_bytes());
        // SAFETY: the object is alive, and the text is copied.
        unsafe { (self.callbacks.network_close)(self.pointer, how as u32, why) }
    }

    /// Adds to a counter.
    pub(crate) fn count(self, counter: usize, by: u64) {
        // SAFETY: the object is alive; an unknown number is refused by Envoy.
        unsafe { (self.callbacks.network_increment_counter)(self.pointer, counter, by) };
    }

    /// Adds one to a gauge.
    pub(crate) fn raise(self, gauge: usize) {
        // SAFETY: as in `count`.
        unsafe { (self.callbacks.network_increment_gauge)(self.pointer, gauge, 1) };
    }

    /// Takes one from a gauge.
    pub(crate) fn lower(self, gauge: usize) {
        // SAFETY: as in `count`.
        unsafe { (self.callbacks.network_decrement_gauge)(self.pointer, gauge, 1) };
    }

    /// Adds a value to a histogram.
    pub(crate) fn measure(self, histogram: usize, value: u64) {
        // SAFETY: as in `count`.
        unsafe { (self.callbacks.network_record)(self.pointer, histogram, value) };
    }

    /// Gives the access log a text.
    pub(crate) fn note_text(self, key: &str, value: &str) {
        let [space, key, value] =
            [Self::SPACE, key, value].map(|text| Buffer::lend(text.as_bytes()));
        // SAFETY: the object is alive, and the texts are copied.
        unsafe { (self.callbacks.network_metadata_text)(self.pointer, space, key, value) }
    }

    /// Gives the access log a number.
    pub(crate) fn note_number(self, key: &str, value: u64) {
        let [space, key] = [Self::SPACE, key].map(|text| Buffer::lend(text.as_bytes()));
        #[expect(
            clippy::cast_precision_loss,
            reason = "sums of one connection; above 2^53 the last digits do not matter"
        )]
        let value = value as f64;
        // SAFETY: the object is alive, and the texts are copied.
        unsafe { (self.callbacks.network_metadata_number)(self.pointer, space, key, value) }
    }

    /// The namespace of all that the access log is given.
    const SPACE: &'static str = "howdah";

    /// A way to call this connection from any thread later.
    pub(crate) fn scheduler(self) -> Scheduler {
        let callbacks = self.callbacks;
        // SAFETY: the object is alive.
        let pointer = unsafe { (callbacks.network_scheduler_new)(self.pointer) };
        Scheduler { callbacks, pointer }
    }
}

/// Calls a connection on its own thread, from any thread.
pub(crate) struct Scheduler {
    callbacks: &'static Callbacks,
    pointer: Pointer,
}

impl Scheduler {
    /// Has the connection's hook for scheduled events run with this number, if the connection is still there.
    pub(crate) fn call(&self, event: u64) {
        // SAFETY: the pointer is alive until `drop`; Envoy allows the call on any thread.
        unsafe { (self.callbacks.network_scheduler_commit)(self.pointer, event) }
    }
}

// SAFETY: Envoy makes schedulers to be handed to other threads: one may call and delete what another made.
unsafe impl Send for Scheduler {}

impl Drop for Scheduler {
    fn drop(&mut self) {
        // SAFETY: it came from `network_scheduler_new`, and this is the only place that deletes it.
        unsafe { (self.callbacks.network_scheduler_delete)(self.pointer) }
    }
}

object! {
    /// The extension that answers at the admin address.
    Control
}

impl Control {
    /// Says that Envoy may go on with its start.
    pub(crate) fn ready(self) {
        // SAFETY: the object is alive.
        unsafe { (self.callbacks.control_ready)(self.pointer) }
    }

    /// Answers requests for a path; one that `changes` something must be a POST.
    pub(crate) fn serve(self, path: &str, help: &str, changes: bool) -> bool {
        let [path, help] = [path, help].map(|text| Buffer::lend(text.as_bytes()));
        // SAFETY: the object is alive, and the texts are copied.
        unsafe { (self.callbacks.control_register)(self.pointer, path, help, true, changes) }
    }

    /// The body of the answer to the request that is being served.
    pub(crate) fn respond(self, body: &str) {
        // SAFETY: the object is alive, and the text is copied.
        unsafe { (self.callbacks.control_respond)(self.pointer, Buffer::lend(body.as_bytes())) }
    }
}
