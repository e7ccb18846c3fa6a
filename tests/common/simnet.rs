//! `SimNet`: two `GDatagramBased` endpoints joined by a scripted network inside the process.
//!
//! A script decides the fate of every datagram by direction, running number and bytes, and a tap
//! records what each side sent. Nothing depends on real time, except how long a blocking call waits
//! when its caller gave it a time limit.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use gio::{IOErrorEnum, prelude::*, subclass::prelude::*};
use gio_ossl::subclass::source::Alarm;
use glib::IOCondition;

pub use endpoint::Endpoint;

mod endpoint;

/// Which way a datagram travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client.
    ToServer,
    /// From the server.
    ToClient,
}

impl Direction {
    /// Both, client's first.
    pub const BOTH: [Self; 2] = [Self::ToServer, Self::ToClient];

    fn reverse(self) -> Self {
        match self {
            Self::ToServer => Self::ToClient,
            Self::ToClient => Self::ToServer,
        }
    }
}

/// What the network does with one datagram.
#[derive(Clone, Debug)]
pub enum Fate {
    /// Arrives as sent.
    Deliver,
    /// Is lost.
    Drop,
    /// Arrives twice.
    Duplicate,
    /// Arrives after this many later datagrams of the same direction.
    DelayPast(usize),
    /// Arrives with the byte at `offset` (counted modulo the length) xored with `mask`.
    Corrupt {
        /// Which byte.
        offset: usize,
        /// What to flip in it.
        mask: u8,
    },
    /// Arrives with only its first bytes.
    Truncate(usize),
    /// Arrives, and these arrive before it.
    Inject(Vec<Vec<u8>>),
}

/// A datagram as its sender sent it, whatever became of it.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Where to.
    pub direction: Direction,
    /// The bytes.
    pub bytes: Vec<u8>,
}

type Script = Box<dyn FnMut(Direction, usize, &[u8]) -> Fate + Send>;

/// A network of two endpoints. Clones are the same network; each thread may make its own endpoint.
#[derive(Clone)]
pub struct SimNet(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// Rings for the sources of the endpoint that receives in this direction.
    alarms: [Arc<Alarm>; 2],
}

struct State {
    script: Script,
    lanes: [Lane; 2],
    tap: Vec<Sent>,
}

/// One direction.
#[derive(Default)]
struct Lane {
    arrived: VecDeque<Vec<u8>>,
    /// Datagrams that wait until so many others have passed.
    delayed: Vec<(usize, Vec<u8>)>,
    count: usize,
    /// The sender cannot send now.
    blocked: bool,
    /// No datagram will follow.
    ended: bool,
}

impl Lane {
    fn pass(&mut self, fate: Fate, mut bytes: Vec<u8>) {
        let overtaken = self.release();
        match fate {
            Fate::Deliver => self.arrived.push_back(bytes),
            Fate::Drop => {}
            Fate::Duplicate => self.arrived.extend([bytes.clone(), bytes]),
            Fate::DelayPast(others) => self.delayed.push((others, bytes)),
            Fate::Corrupt { offset, mask } => {
                let length = bytes.len().max(1);
                if let Some(byte) = bytes.get_mut(offset % length) {
                    *byte ^= mask;
                }
                self.arrived.push_back(bytes);
            }
            Fate::Truncate(length) => {
                bytes.truncate(length);
                self.arrived.push_back(bytes);
            }
            Fate::Inject(others) => {
                self.arrived.extend(others);
                self.arrived.push_back(bytes);
            }
        }
        self.arrived.extend(overtaken);
    }

    /// One more datagram passes: takes out those that have waited long enough.
    fn release(&mut self) -> Vec<Vec<u8>> {
        let (due, waiting) = std::mem::take(&mut self.delayed)
            .into_iter()
            .map(|(others, bytes)| (others.saturating_sub(1), bytes))
            .partition(|(others, _)| *others == 0);
        self.delayed = waiting;
        let due: Vec<(usize, Vec<u8>)> = due;
        due.into_iter().map(|(_, bytes)| bytes).collect()
    }
}

impl SimNet {
    /// A network that delivers everything.
    pub fn new() -> Self {
        Self::scripted(|_, _, _| Fate::Deliver)
    }

    /// A network whose script is asked about each datagram: its direction, its number in that
    /// direction from 0, its bytes.
    pub fn scripted(script: impl FnMut(Direction, usize, &[u8]) -> Fate + Send + 'static) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::new(State {
                script: Box::new(script),
                lanes: Default::default(),
                tap: Vec::new(),
            }),
            changed: Condvar::new(),
            alarms: Default::default(),
        }))
    }

    /// A network that gives the `number`th datagram of a direction this fate, and delivers the others.
    pub fn with_fate(direction: Direction, number: usize, fate: Fate) -> Self {
        Self::scripted(move |way, count, _| {
            if way == direction && count == number {
                fate.clone()
            } else {
                Fate::Deliver
            }
        })
    }

    /// A network that drops, doubles, delays and corrupts one datagram in `one_in` each, as `seed`
    /// decides.
    pub fn unreliable(seed: u64, one_in: u64) -> Self {
        let mut random = seed | 1;
        Self::scripted(move |_, _, _| {
            // xorshift64
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            match (random >> 16) % (4 * one_in) {
                0 => Fate::Drop,
                1 => Fate::Duplicate,
                2 => Fate::DelayPast(2),
                3 => Fate::Corrupt {
                    offset: (random >> 40) as usize,
                    mask: 0x55,
                },
                _ => Fate::Deliver,
            }
        })
    }

    /// The client's and the server's endpoint.
    pub fn pair(&self) -> (Endpoint, Endpoint) {
        (self.client(), self.server())
    }

    /// The client's endpoint.
    pub fn client(&self) -> Endpoint {
        self.endpoint(Direction::ToServer)
    }

    /// The server's endpoint.
    pub fn server(&self) -> Endpoint {
        self.endpoint(Direction::ToClient)
    }

    fn endpoint(&self, sends: Direction) -> Endpoint {
        let endpoint: Endpoint = glib::Object::new();
        endpoint.imp().join(self.0.clone(), sends);
        endpoint
    }

    /// Delivers a datagram that no endpoint sent. The script and the tap do not see it.
    pub fn inject(&self, direction: Direction, datagram: &[u8]) {
        self.change(direction, |lane| lane.arrived.push_back(datagram.to_vec()));
    }

    /// Makes sending in this direction block, or not any more.
    pub fn block(&self, direction: Direction, blocked: bool) {
        self.change(direction, |lane| lane.blocked = blocked);
    }

    /// Ends this direction: once all has been received, receiving gives 0.
    pub fn end(&self, direction: Direction) {
        self.change(direction, |lane| lane.ended = true);
    }

    /// What was sent in a direction so far.
    pub fn sent(&self, direction: Direction) -> Vec<Vec<u8>> {
        let state = self.0.state();
        let sent = state.tap.iter().filter(|sent| sent.direction == direction);
        sent.map(|sent| sent.bytes.clone()).collect()
    }

    /// Everything that was sent so far, in order.
    pub fn all_sent(&self) -> Vec<Sent> {
        self.0.state().tap.clone()
    }

    fn change(&self, direction: Direction, change: impl FnOnce(&mut Lane)) {
        change(&mut self.0.state().lanes[direction as usize]);
        self.0.wake();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        self.changed.notify_all();
        for alarm in &self.alarms {
            alarm.ring();
        }
    }

    fn condition(&self, sends: Direction) -> IOCondition {
        let state = self.state();
        let (sending, receiving) = (
            &state.lanes[sends as usize],
            &state.lanes[sends.reverse() as usize],
        );
        let mut condition = IOCondition::empty();
        condition.set(
            IOCondition::IN,
            !receiving.arrived.is_empty() || receiving.ended,
        );
        condition.set(IOCondition::OUT, !sending.blocked);
        condition
    }

    /// Runs `attempt` until it gives something, the time is up or the cancellable is triggered.
    fn wait<T>(
        self: &Arc<Self>,
        timeout: Option<Duration>,
        cancellable: Option<&gio::Cancellable>,
        mut attempt: impl FnMut(&mut State) -> Option<T>,
    ) -> Result<T, glib::Error> {
        let deadline = timeout.and_then(|time| Instant::now().checked_add(time));
        let _alert = CancelAlert::new(self, cancellable);
        let mut state = self.state();
        loop {
            if cancellable.is_some_and(|cancellable| cancellable.is_cancelled()) {
                return Err(failure(IOErrorEnum::Cancelled));
            }
            if let Some(value) = attempt(&mut state) {
                return Ok(value);
            }
            if timeout == Some(Duration::ZERO) {
                return Err(failure(IOErrorEnum::WouldBlock));
            }
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            state = match left {
                Some(Duration::ZERO) => return Err(failure(IOErrorEnum::TimedOut)),
                Some(left) => {
                    let waited = self.changed.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => {
                    let waited = self.changed.wait(state);
                    waited.unwrap_or_else(PoisonError::into_inner)
                }
            };
        }
    }
}

fn failure(code: IOErrorEnum) -> glib::Error {
    glib::Error::new(code, &format!("SimNet: {code:?}"))
}

/// Wakes a network's waiters and sources when a cancellable is triggered, for as long as it lives.
///
/// It is connected as to any signal: `g_cancellable_disconnect()` waits for the handlers, and the one
/// below may drop the last reference on a source that owns an alert.
struct CancelAlert {
    connected: Option<(gio::Cancellable, glib::SignalHandlerId)>,
}

impl CancelAlert {
    fn new(shared: &Arc<Shared>, cancellable: Option<&gio::Cancellable>) -> Self {
        let connected = cancellable.map(|cancellable| {
            let shared = shared.clone();
            let id = cancellable.connect("cancelled", false, move |_| {
                // Through the lock, so that no waiter is between its check and its wait.
                drop(shared.state());
                shared.wake();
                None
            });
            (cancellable.clone(), id)
        });
        Self { connected }
    }
}

impl Drop for CancelAlert {
    fn drop(&mut self) {
        if let Some((cancellable, id)) = self.connected.take() {
            cancellable.disconnect(id);
        }
    }
}

impl fmt::Debug for SimNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all_sent()).finish()
    }
}
