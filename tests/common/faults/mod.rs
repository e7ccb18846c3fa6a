//! Handshakes of two engines over a network that does to each datagram what it is told, at the pace of
//! a clock that moves only when both wait.

use std::time::Duration;

use gio_ossl::engine::{Binding, Negotiated, Opened, Role, Step};

use crate::engines::{Pair, datagrams};

pub use fields::{Place, contents, headers};
pub use shapes::{LONG, SHORT, Shape};

mod clock;
mod fields;
mod shapes;

/// More than any handshake takes in which something may still arrive.
const MOST_ROUNDS: usize = 400;

/// Who receives datagrams of one exchange works on
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// each as it arrives.
    OneByOne,
    /// all together.
    Together,
}

/// What becomes of one datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Arrives,
    Lost,
    Doubled,
    /// Arrives after so many later ones of its direction.
    Late(usize),
    /// Arrives, and once more after the next one.
    Echoed,
    /// Only its first half arrives.
    Halved,
    /// Only so many bytes arrive.
    CutTo(usize),
    /// All but so many bytes arrive.
    CutBy(usize),
    /// One of its bytes arrives as another one.
    Garbled(Place),
}

/// What a handshake took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Datagrams.
    pub sent: usize,
    /// How often both had to wait for a deadline.
    pub deadlines: usize,
}

/// How a handshake ended.
#[derive(Debug)]
pub enum Outcome {
    /// Both have agreed, and have heard each other.
    Established(Facts),
    /// One or both have failed; their last steps.
    Failed(Step, Step),
}

/// What both ends say that they have agreed on.
#[derive(Debug, PartialEq, Eq)]
pub struct Facts {
    version: u16,
    suite: Option<String>,
    negotiated: Negotiated,
    protocol: Option<Vec<u8>>,
    pub resumed: bool,
}

/// One direction of the network.
#[derive(Default)]
struct Lane {
    count: usize,
    /// Those that wait until so many others have passed.
    late: Vec<(usize, Vec<u8>)>,
}

impl Lane {
    /// What arrives now.
    fn carry(&mut self, datagram: Vec<u8>, fate: Fate) -> Vec<Vec<u8>> {
        self.count += 1;
        let mut overtaken = Vec::new();
        for (others, late) in std::mem::take(&mut self.late) {
            match others {
                1 => overtaken.push(late),
                _ => self.late.push((others - 1, late)),
            }
        }
        let length = datagram.len();
        let mut arriving = match fate {
            Fate::Arrives => vec![datagram],
            Fate::Lost => Vec::new(),
            Fate::Doubled => vec![datagram.clone(), datagram],
            Fate::Late(others) => {
                self.late.push((others, datagram));
                Vec::new()
            }
            Fate::Echoed => {
                self.late.push((1, datagram.clone()));
                vec![datagram]
            }
            Fate::Halved => vec![datagram[..length / 2].to_vec()],
            Fate::CutTo(bytes) => vec![datagram[..bytes.min(length)].to_vec()],
            Fate::CutBy(bytes) => vec![datagram[..length - bytes.min(length)].to_vec()],
            Fate::Garbled(place) => vec![place.garble(datagram)],
        };
        arriving.extend(overtaken);
        arriving
    }
}

/// Two ends and the network.
struct Run<'a> {
    shape: &'a Shape,
    pace: Pace,
    pair: Pair,
    /// By the role of who receives.
    lanes: [Lane; 2],
    cost: Cost,
}

impl Run<'_> {
    /// Carries what both have to say; false if that is nothing.
    fn exchange(&mut self, fate: &mut dyn FnMut(Role, usize, &[u8]) -> Fate) -> bool {
        let mut something = false;
        for (from, to) in [(Role::Client, Role::Server), (Role::Server, Role::Client)] {
            for datagram in datagrams(self.pair.end(from)) {
                something = true;
                let lane = &mut self.lanes[to as usize];
                let fate = fate(to, lane.count, &datagram);
                for arriving in lane.carry(datagram, fate) {
                    self.pair.end(to).feed(&arriving);
                    if self.pace == Pace::OneByOne {
                        self.shape.step(&mut self.pair, to);
                    }
                }
            }
        }
        something
    }

    /// Moves the clock to the next deadline; false if nobody waits for any.
    fn pass_deadline(&mut self) -> bool {
        let ends = [&mut self.pair.client, &mut self.pair.server];
        let next = |ends: &[_; 2]| {
            ends.iter()
                .filter_map(|engine: &&mut gio_ossl::engine::Engine| engine.timeout())
                .min()
        };
        let Some(mut left) = next(&ends) else {
            return false;
        };
        while left > Duration::ZERO {
            clock::advance(left);
            left = next(&ends).unwrap_or_default();
        }
        self.cost.deadlines += 1;
        for engine in ends {
            engine.on_deadline();
        }
        true
    }

    /// Until both have ended, or one has and the other has nothing left to wait for.
    fn shake_hands(&mut self, fate: &mut dyn FnMut(Role, usize, &[u8]) -> Fate) -> (Step, Step) {
        let ended = |step: &Step| matches!(step, Step::Established | Step::Failed(_));
        for _ in 0..MOST_ROUNDS {
            let steps =
                [Role::Client, Role::Server].map(|role| self.shape.step(&mut self.pair, role));
            if self.exchange(fate) {
                continue;
            }
            if steps.iter().all(ended) || !self.pass_deadline() {
                let [client, server] = steps;
                return (client, server);
            }
        }
        panic!("the handshake does not end: {:?}", self.cost);
    }

    /// What is late arrives after all, and each says something, which arrives twice and counts once.
    fn converse(&mut self) {
        self.pace = Pace::Together;
        for role in [Role::Client, Role::Server] {
            for (_, late) in std::mem::take(&mut self.lanes[role as usize].late) {
                self.pair.end(role).feed(&late);
            }
            assert_eq!(self.hear(role), None);
        }
        // What was late may have been answered once more.
        self.exchange(&mut |_, _, _| Fate::Arrives);
        for (from, to) in [(Role::Client, Role::Server), (Role::Server, Role::Client)] {
            assert_eq!(self.hear(to), None);
            let message = format!("from the {from:?}").into_bytes();
            self.pair.end(from).seal(&message).unwrap();
            self.exchange(&mut |_, _, _| Fate::Doubled);
            assert_eq!(self.hear(to), Some(message));
            assert_eq!(self.hear(to), None);
        }
    }

    fn hear(&mut self, role: Role) -> Option<Vec<u8>> {
        let mut buffer = vec![0; 64];
        match self.pair.end(role).open(&mut buffer).unwrap() {
            Opened::Message { length, .. } => Some(buffer[..length].to_vec()),
            Opened::Nothing => None,
            Opened::End => panic!("nobody has closed"),
        }
    }

    fn facts(&mut self) -> Facts {
        let ends = [&self.pair.client, &self.pair.server];
        for binding in [Binding::Unique, Binding::Exporter] {
            let [ours, theirs] = ends.map(|end| end.channel_binding(binding).unwrap());
            assert_eq!(ours, theirs, "{binding:?}");
        }
        let [ours, theirs] = ends.map(|end| Facts {
            version: end.protocol_version(),
            suite: end.cipher_suite(),
            negotiated: end.negotiated(),
            protocol: end.application_protocol(),
            resumed: end.is_resumed(),
        });
        assert_eq!(ours, theirs);
        ours
    }
}

impl Shape {
    /// Shakes hands and exchanges messages. `fate` is told about each datagram of the handshake to whom
    /// it goes, its number on that way and its bytes.
    pub fn run(
        &self,
        pace: Pace,
        mut fate: impl FnMut(Role, usize, &[u8]) -> Fate,
    ) -> (Outcome, Cost) {
        clock::stop();
        let mut run = Run {
            shape: self,
            pace,
            pair: self.pair(),
            lanes: Default::default(),
            cost: Cost::default(),
        };
        let steps = run.shake_hands(&mut fate);
        run.cost.sent = run.lanes.iter().map(|lane| lane.count).sum();
        let outcome = match steps {
            (Step::Established, Step::Established) => {
                run.converse();
                Outcome::Established(run.facts())
            }
            (client, server) => Outcome::Failed(client, server),
        };
        (outcome, run.cost)
    }
}
